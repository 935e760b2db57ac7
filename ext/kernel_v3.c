/* The kernel for x86-64-v3 processors (AVX2, FMA, BMI) with AES. */
#if defined(__x86_64__)
#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx2,fma,aes,bmi,bmi2,popcnt"))), apply_to = function)
#else
#pragma GCC target("avx2,fma,aes,bmi,bmi2,popcnt")
#endif
#include "vector_v3.h"
#define ISA v3
#include "kernel_isa.h"
#if defined(__clang__)
#pragma clang attribute pop
#endif
#endif
