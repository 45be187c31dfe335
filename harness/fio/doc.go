// Package fio reads job files of fio (github.com/axboe/fio), so that the load which a real machine gets
// from fio itself is the one that a simulated machine is given.
//
// It knows the options that decide the load on the drive and those that change nothing of it. An option
// that changes the load in a way that a closed loop of equal I/Os cannot express is an error, and so is an
// unknown one: a label is no treatment.
package fio
