// Package drive leads from a directory to the block devices that hold it, and proves that their counters count what is
// read and written there. The devices are the referee of what a server says of its storage: so a directory without one is
// refused, and a counter is believed after it has been seen to move.
package drive
