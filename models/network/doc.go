// Package network holds distributions of durations: the delay of a link and the
// time a server takes for a command.
//
// In flow a few parameters, out flow draws. The package is pure: no clock,
// no I/O, no randomness but the *rand.Rand it is given. It imports gonum and
// the standard library, and anyone may import it.
package network
