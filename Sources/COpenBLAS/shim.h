// OpenBLAS as Debian ships it (libopenblas-dev). Imported by Kernels/BLAS.swift alone.
#include <cblas.h>
