// Package schema owns the database: its tables and views as versioned migrations, every query of the product as a .sql
// file, storage tiers and retention, and the connection that runs it all.
//
// Data comes in as options (policy, days per class of data) and a ClickHouse URL; out go a database that is as this
// program needs it (Apply), a list of what differs (Diff, Verify), query texts by name (SQL) and connections (Open).
//
// Migrations only go forward. Each statement can be run again without harm, so any number of processes may migrate at
// once and a stopped one starts over. A migration's checksum is that of its template, so changed retention is no
// migration: Apply sets it by ALTER TABLE, having shown the difference. What Diff compares with is what the migrations
// add up to; a migration that alters a table needs definition.go to read its kind of statement, and a test says so.
//
// The package refuses servers that are too old, policies the server hasn't got, histories that were changed, and
// retention too short to explain a bill. It never drops or repairs what drifted: that is for a person to decide.
//
// No role builds SQL text of its own: values go in as parameters, windows are compared by minute only, and calls are
// read through the view calls(from, to) only. queries_test.go holds all three for every file here.
package schema
