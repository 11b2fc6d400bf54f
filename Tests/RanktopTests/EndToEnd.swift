// Everything that runs the program in a terminal: one test after another, so that a small machine stays quick.

import Testing

@Suite(.serialized) enum EndToEnd {}
