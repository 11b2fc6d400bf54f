// Counts what threads ask of malloc, in a program that this is linked into.

#pragma once

/// From now on (or no longer) the calling thread's allocations are counted.
void counter_watch_this_thread(int isWatching);

/// Allocations of all watched threads since the start of the program, and their bytes.
long counter_allocations(void);
long counter_bytes(void);
