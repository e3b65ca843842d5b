// Package policy holds the rules of the house as tests: who may import whom,
// how long a function may be, which words may not stand in a source file, how
// errors are compared. Each failure gives the place and the reason, so that no
// reviewer has to. The package has no code of its own and nothing imports it.
package policy
