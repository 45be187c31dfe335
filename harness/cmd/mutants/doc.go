// Command mutants puts faults into the program, one at a time, and says whether the tests notice.
//
// A fault is an entry of fixtures/mutants/*.yaml: in the named function, one piece of text is replaced by another.
// It is anchored by the function's name and the text, not by a file or a line, so that code may move. A fault that
// finds no place, finds two, or does not compile is an error, and never counts as noticed.
//
// The tree is not touched: each fault is put into a copy. The tests must pass there without a fault. Then, for each, the
// tests of the package that holds it run first, and those of the packages that import it, until one fails; a fault
// counts as noticed if that test fails once more. Tests run with -short, and those that compare with what was recorded
// once are left out: who changes the program rewrites it without looking.
package main
