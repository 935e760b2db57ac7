/* The kernel for the compiler's default instruction set: right everywhere, fast nowhere. */
#include "vector_plain.h"
#define ISA baseline
#include "kernel_isa.h"
