// Package punctual waits until an instant of this computer's clock. The runtime's timers may end a millisecond late on an idle
// machine: it waits in epoll_wait(2), in whole milliseconds (Go's runtime/netpoll_epoll.go). Where a millisecond counts, the last of
// a wait is slept by a thread of its own.
package punctual
