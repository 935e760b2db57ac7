/* The kernel for the compiler's default instruction set: right everywhere, fast nowhere. */
#define ISA baseline
#include "kernel_isa.h"
