// The part of holding a terminal that must work inside a signal handler: the saved modes, the bytes that give the
// terminal back, and the flags that signals set for the main loop. One terminal a process; all state is static.
#pragma once
#include <stdbool.h>
#include <stddef.h>

// What signals tell the main loop (ct_take_notices).
enum { CT_RESIZED = 1, CT_SUSPEND = 2, CT_CONTINUED = 4 };

// Turns SIGINT, SIGTERM and SIGHUP into requests that ct_end_request reports; a second SIGINT or SIGTERM ends the
// process at once. Works without a terminal too. May be called again.
void ct_watch_end_requests(void);

// The signal that asked the process to end, 0 if none did.
int ct_end_request(void);

// A descriptor that is readable after ct_wake or a signal; -1 before ct_watch_end_requests.
int ct_wake_descriptor(void);
void ct_wake(void);
void ct_clear_wake(void);

// Remembers the modes of the terminal `input` and takes over the signals that concern a terminal, fatal ones
// included. Afterwards every ct_* call and every death of the process goes to `output`. 0, or an errno.
int ct_hold(int input, int output);

// The bytes that give the terminal back, and what a person should read after a sudden end. At most 511 and 1,023
// bytes; longer ones are cut off.
void ct_set_reset(const char *bytes, size_t count);
void ct_set_note(const char *text);

// Sets the modes of a full-screen program and writes `bytes`. 0, or an errno.
int ct_enter(const char *bytes, size_t count);

// Writes all of `bytes`, in one write(2) unless the terminal takes less. 0, or an errno.
int ct_write(const void *bytes, size_t count);

// Gives the terminal back; ct_enter takes it again.
void ct_leave(void);

// After ct_leave: stops the process as Ctrl-Z does and returns when it was continued.
void ct_stop(void);

// After ct_leave: lets go of the terminal's signals. Fatal signals stay caught, and do nothing but end the process.
void ct_release(void);

// The CT_ notices since the last call, or'ed.
int ct_take_notices(void);
