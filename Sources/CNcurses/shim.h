// ncursesw as Debian ships it (libncurses-dev). Imported by Dashboard/Terminal/CursesTerminal.swift alone.
#define NCURSES_WIDECHAR 1
#include <ncurses.h>
#include <term.h>

// What Swift cannot import: a variadic function, a pointer of -1 that means "none".

static inline const char *cn_string(const char *capability) {
  const char *text = tigetstr(capability);
  return text == (const char *)-1 ? 0 : text;
}

static inline const char *cn_parameterized(const char *text, int first, int second) {
  return tparm(text, (long)first, (long)second, 0L, 0L, 0L, 0L, 0L, 0L, 0L);
}
