// Package rerate rates calls again by today's price book, after the fact (docs/adr/0007-rerate.md). A run is manual: it has an
// author, a reason and the version of the book. It goes hour by hour, may stop anywhere and be resumed, and any number of
// processes may be at it at once.
//
// Data comes in as stored reports. It goes out as new versions of those whose amount is another now, and as marks: windows of
// open months are rolled up again, and for those of closed months the difference becomes an adjustment (package rollup).
//
// A re-rate changes amounts, never which reports count: the part of a version that settlement looks at stays. What arrives after
// the run has passed its hour keeps the price that the collector gave it.
package rerate
