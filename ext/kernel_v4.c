/* The kernel for x86-64-v4 processors (AVX-512) with vector AES. */
#if defined(__x86_64__)
#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,fma,aes,vaes,bmi,bmi2,popcnt"))), apply_to = function)
#else
#pragma GCC target("avx512f,avx512bw,avx512dq,avx512vl,fma,aes,vaes,bmi,bmi2,popcnt")
#endif
#include "vector_v4.h"
#define ISA v4
#include "kernel_isa.h"
#if defined(__clang__)
#pragma clang attribute pop
#endif
#endif
