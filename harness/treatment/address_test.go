package treatment

import "unsafe"

// addressOf is where bytes lie, for a system call that package unix lacks.
func addressOf(b []byte) uintptr { return uintptr(unsafe.Pointer(unsafe.SliceData(b))) }
