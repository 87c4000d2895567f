// Package clocktest makes readings of a clock that was set, by NTP, by hand, or by the resume of a virtual machine: package time has no way to,
// since the wall and the monotonic part of a time.Time move together in all that it offers. It imports nothing of ours.
package clocktest

import (
	"time"
	"unsafe"
)

// layout is that of time.Time in Go 1.26. The package's test fails if it is another one.
type layout struct {
	wall uint64 // 1 bit: there is a monotonic part; 33 bits: seconds; 30 bits: nanoseconds
	ext  int64  // the monotonic part
	loc  *time.Location
}

const nanosecondBits = 30

// Reading is a reading by which the wall says that time, to the second, in UTC.
func Reading(wall time.Time) time.Time {
	now := time.Now()
	now = now.Add(-time.Duration(now.Nanosecond()))
	return Set(now, time.Duration(wall.Unix()-now.Unix())*time.Second)
}

// Set is the reading as it would be had the wall been set by whole seconds before: what has passed since another reading is the same.
func Set(t time.Time, by time.Duration) time.Time {
	inside := (*layout)(unsafe.Pointer(&t))
	inside.wall = uint64(int64(inside.wall) + int64(by/time.Second)<<nanosecondBits)
	inside.loc = nil
	return t
}
