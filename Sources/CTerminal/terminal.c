// Giving the terminal back on every way out. Whatever runs in a signal handler here uses only what POSIX calls
// async-signal-safe: tcsetattr, write, sigaction, nanosleep, and lock-free atomics.
#define _GNU_SOURCE
#include "CTerminal.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

static int input_fd = -1, output_fd = -1;
static atomic_int wake_fd = -1;
static struct termios shell_modes;
static atomic_int end_signal, notices;
static atomic_bool entered, writing, dying;

// A text that a handler may read while the main thread replaces it: written beside the old one, then switched.
#define TEXT_SIZE 1024
typedef struct {
  char bytes[2][TEXT_SIZE];
  size_t count[2];
  atomic_int current;
} preset;
static preset reset_bytes, note_bytes;

static void set_preset(preset *text, const char *bytes, size_t count, size_t limit) {
  int next = !atomic_load(&text->current);
  text->count[next] = count < limit ? count : limit;
  memcpy(text->bytes[next], bytes, text->count[next]);
  atomic_store(&text->current, next);
}

void ct_set_reset(const char *bytes, size_t count) { set_preset(&reset_bytes, bytes, count, 511); }
void ct_set_note(const char *text) { set_preset(&note_bytes, text, strlen(text), TEXT_SIZE - 1); }

// MARK: - Writing and modes

static void pause_milliseconds(long count) {
  struct timespec time = {count / 1000, count % 1000 * 1000000};
  nanosleep(&time, NULL);
}

static int write_all(const char *bytes, size_t count) {
  static int attempts;  // of all the last writes together
  while (count > 0) {
    ssize_t written = write(output_fd, bytes, count);
    if (written >= 0) {
      bytes += written;
      count -= (size_t)written;
    } else if (errno == EAGAIN && atomic_load(&dying)) {
      if (++attempts > 50) return EAGAIN;
      pause_milliseconds(10);
    } else if (errno == EAGAIN) {
      struct pollfd waiting = {output_fd, POLLOUT, 0};
      poll(&waiting, 1, -1);
    } else if (errno != EINTR) {
      return errno;
    }
  }
  return 0;
}

static void put(const char *text) { write_all(text, strlen(text)); }

static int set_modes(const struct termios *modes) {
  while (tcsetattr(input_fd, TCSANOW, modes) != 0)
    if (errno != EINTR) return errno;
  return 0;
}

static void write_preset(preset *text) {
  int current = atomic_load(&text->current);
  write_all(text->bytes[current], text->count[current]);
}

int ct_write(const void *bytes, size_t count) {
  // A handler on another thread waits for a frame that is under way, and no frame follows the reset.
  atomic_store(&writing, true);
  int error = atomic_load(&dying) ? EIO : write_all(bytes, count);
  atomic_store(&writing, false);
  return error;
}

int ct_enter(const char *bytes, size_t count) {
  struct termios modes = shell_modes;
  // Ctrl-C and Ctrl-Z come as keys: as a signal, Ctrl-Z would stop a script around this program before the terminal is
  // given back. Ctrl-\ stays a signal, so that it works when the main loop does not.
  modes.c_lflag &= ~(tcflag_t)(ICANON | ECHO | IEXTEN);
  modes.c_lflag |= ISIG;
  modes.c_iflag &= ~(tcflag_t)(IXON | ICRNL | INLCR | IGNCR | ISTRIP);
  modes.c_cc[VINTR] = modes.c_cc[VSUSP] = _POSIX_VDISABLE;
  modes.c_cc[VMIN] = 1;
  modes.c_cc[VTIME] = 0;
  int error = set_modes(&modes);
  atomic_store(&entered, true);
  return error ? error : ct_write(bytes, count);
}

void ct_leave(void) {
  if (!atomic_exchange(&entered, false)) return;
  write_preset(&reset_bytes);
  // What was typed or answered for this program is not the shell's.
  tcflush(input_fd, TCIFLUSH);
  set_modes(&shell_modes);
}

// MARK: - Ends

static const char *meaning(int signal) {
  switch (signal) {
  case SIGILL: return "SIGILL: a failed check in the program";
  case SIGTRAP: return "SIGTRAP: a failed check in the program";
  case SIGSEGV: return "SIGSEGV: a wrong memory access";
  case SIGBUS: return "SIGBUS: a wrong memory access";
  case SIGFPE: return "SIGFPE: a wrong calculation";
  case SIGABRT: return "SIGABRT: the program gave up";
  case SIGQUIT: return "SIGQUIT: asked to quit at once";
  case SIGINT: return "SIGINT: interrupted twice";
  default: return "SIGTERM: asked to end twice";
  }
}

static void unblock(int number) {
  sigset_t only;
  sigemptyset(&only);
  sigaddset(&only, number);
  pthread_sigmask(SIG_UNBLOCK, &only, NULL);
}

static void die(int number) {
  if (atomic_exchange(&dying, true)) {
    pause_milliseconds(1000);  // another thread is giving the terminal back
  } else if (atomic_load(&entered)) {
    for (int i = 0; i < 50 && atomic_load(&writing); i++) pause_milliseconds(2);
    // A terminal that takes nothing any more, as a broken connection does, must not keep the process alive.
    int flags = fcntl(output_fd, F_GETFL);
    fcntl(output_fd, F_SETFL, flags | O_NONBLOCK);
    ct_leave();
    put("ranktop ended by ");
    put(meaning(number));
    put(".\n");
    write_preset(&note_bytes);
    fcntl(output_fd, F_SETFL, flags);
  }
  struct sigaction action = {.sa_handler = SIG_DFL};
  sigaction(number, &action, NULL);
  unblock(number);
  raise(number);
}

static void on_fatal(int number) { die(number); }

static void on_end(int number) {
  int saved = errno, none = 0;
  // A closing terminal sends SIGHUP from the kernel and from the shell: only the other two insist by repeating.
  if (!atomic_compare_exchange_strong(&end_signal, &none, number) && number != SIGHUP) die(number);
  ct_wake();
  errno = saved;
}

static void on_notice(int number) {
  int saved = errno;
  atomic_fetch_or(&notices, number == SIGWINCH ? CT_RESIZED : number == SIGTSTP ? CT_SUSPEND : CT_CONTINUED);
  ct_wake();
  errno = saved;
}

static void catch_signal(int number, void (*handler)(int), int flags) {
  struct sigaction action = {.sa_handler = handler, .sa_flags = flags};
  sigfillset(&action.sa_mask);
  sigaction(number, &action, NULL);
  // A parent may have left it blocked.
  unblock(number);
}

// MARK: - Waking

int ct_wake_descriptor(void) { return atomic_load(&wake_fd); }

void ct_wake(void) {
  eventfd_write(atomic_load(&wake_fd), 1);
}

void ct_clear_wake(void) {
  eventfd_t count;
  eventfd_read(atomic_load(&wake_fd), &count);
}

// MARK: - Signals

void ct_watch_end_requests(void) {
  if (atomic_load(&wake_fd) >= 0) return;
  atomic_store(&wake_fd, eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  static const int ends[] = {SIGINT, SIGTERM, SIGHUP};
  for (int i = 0; i < 3; i++) {
    struct sigaction old;
    // Under nohup, or in the background of a script, an ignored signal stays ignored.
    if (sigaction(ends[i], NULL, &old) == 0 && old.sa_handler != SIG_IGN) catch_signal(ends[i], on_end, SA_RESTART);
  }
}

int ct_end_request(void) { return atomic_load(&end_signal); }
int ct_take_notices(void) { return atomic_exchange(&notices, 0); }

int ct_hold(int input, int output) {
  static bool is_exit_watched;
  static char stack[65536];
  if (tcgetattr(input, &shell_modes) != 0) return errno;
  input_fd = input;
  output_fd = output;
  ct_watch_end_requests();
  // For a stack that overflowed; each thread has its own, this serves the main one.
  stack_t alternate = {.ss_sp = stack, .ss_size = sizeof stack};
  sigaltstack(&alternate, NULL);
  static const int fatal[] = {SIGILL, SIGTRAP, SIGSEGV, SIGBUS, SIGFPE, SIGABRT, SIGQUIT};
  for (size_t i = 0; i < sizeof fatal / sizeof *fatal; i++) catch_signal(fatal[i], on_fatal, SA_ONSTACK);
  static const int changes[] = {SIGWINCH, SIGTSTP, SIGCONT};
  for (int i = 0; i < 3; i++) catch_signal(changes[i], on_notice, SA_RESTART);
  if (!is_exit_watched) atexit(ct_leave);
  is_exit_watched = true;
  return 0;
}

void ct_stop(void) {
  atomic_fetch_and(&notices, ~CT_CONTINUED);
  catch_signal(SIGTSTP, SIG_DFL, 0);
  // The whole job, as the terminal itself would.
  kill(0, SIGTSTP);
  // Another thread may have taken the signal, and this one must not go on before all are stopped: it waits to be
  // continued. A job that no shell waits for is not stopped at all.
  for (int i = 0; i < 100 && !(atomic_load(&notices) & CT_CONTINUED); i++) pause_milliseconds(2);
  catch_signal(SIGTSTP, on_notice, SA_RESTART);
}

void ct_release(void) {
  catch_signal(SIGWINCH, SIG_DFL, 0);
  catch_signal(SIGTSTP, SIG_DFL, 0);
  catch_signal(SIGCONT, SIG_DFL, 0);
}
