// The allocating functions of glibc, each with a count in front. Defined in a program, they replace the library's for all
// code in it; glibc keeps its own under names that begin with __libc_.

#include "AllocationCounter.h"

#include <errno.h>
#include <stdatomic.h>
#include <stddef.h>

void *__libc_malloc(size_t);
void *__libc_calloc(size_t, size_t);
void *__libc_realloc(void *, size_t);
void *__libc_memalign(size_t, size_t);

static _Thread_local int watching;
static atomic_long allocations, bytes;

// A function of its own: a debugger that stops here shows who allocates.
__attribute__((noinline)) static void counter_count(size_t size) {
  atomic_fetch_add(&allocations, 1);
  atomic_fetch_add(&bytes, (long)size);
}

static void note(size_t size) {
  if (watching) counter_count(size);
}

void counter_watch_this_thread(int isWatching) { watching = isWatching; }
long counter_allocations(void) { return atomic_load(&allocations); }
long counter_bytes(void) { return atomic_load(&bytes); }

void *malloc(size_t size) {
  note(size);
  return __libc_malloc(size);
}

void *calloc(size_t count, size_t size) {
  note(count * size);
  return __libc_calloc(count, size);
}

void *realloc(void *old, size_t size) {
  note(size);
  return __libc_realloc(old, size);
}

void *memalign(size_t alignment, size_t size) {
  note(size);
  return __libc_memalign(alignment, size);
}

void *aligned_alloc(size_t alignment, size_t size) {
  note(size);
  return __libc_memalign(alignment, size);
}

int posix_memalign(void **out, size_t alignment, size_t size) {
  if (alignment % sizeof(void *) != 0 || (alignment & (alignment - 1)) != 0 || alignment == 0) return EINVAL;
  note(size);
  void *memory = __libc_memalign(alignment, size);
  if (!memory) return ENOMEM;
  *out = memory;
  return 0;
}
