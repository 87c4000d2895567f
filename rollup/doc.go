// Package rollup adds calls up: minutes from calls, hours from minutes, days from hours, whole windows at a time and
// never by increments (DESIGN D5).
//
// Data comes in as marks (dirty_windows, written by ingest after its insert) and as the view calls(from, to). It goes
// out as cost_minute, cost_hour and cost_day, whose newest committed revision the views spend_minute, spend_hour,
// spend_day and spend read. Everything written is a function of stored rows; the clock only decides when to look.
//
// Any number of workers may run at once, be stopped between any two steps, or wake up late: the protocol of
// recompute keeps the result right without a lock. model_test.go searches it.
//
// The package refuses to rewrite windows of closed months and windows whose raw rows are about to expire: their marks
// stay, are counted (tollkeeper_rollup_held_windows) and logged, until the books decide.
package rollup
