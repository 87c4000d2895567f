// Package clickhouse runs the ClickHouse engine on this machine without a server installation: chDB's library
// (libchdb.so, loaded without cgo) in a supervised child process that speaks ClickHouse's HTTP interface.
//
// It owns the child (start, readiness, restart with backoff, death with the parent), the data directory (locked, 0700,
// three disks under one storage policy named "tollkeeper") and the HTTP front: statements by GET and POST,
// parameters, settings, every format, inserts with data in the body, errors with ClickHouse's codes and statuses,
// cancellation, users, read-only users and tenants held apart by a row filter.
//
// It refuses: a directory that another engine holds, statements that read or write files of this machine through the
// client side (INTO OUTFILE, FROM INFILE), more than one statement a request, the native TCP protocol.
//
// Data comes in as HTTP requests, is spooled whole (memory first, then disk) before an insert starts, so that a
// request cut short inserts nothing; it goes out through a pipe that the engine writes, so that a result of any size
// takes little memory. Every request runs on an engine connection of its own (0.4 ms): nothing a request sets can
// reach the next one.
//
// Known differences from a server: query_id is echoed, while system.processes shows the engine's own ids; Native comes at
// protocol revision 0 whatever client_protocol_version says (clients are told so in the hello); there is no query log;
// where tenants are configured, what the engine reads in the background (dictionaries, refreshable views) sees no rows
// of tables with a tenant column.
//
// A program that calls Start must call RunChildIfAsked first thing in main (and in TestMain): the child is the same
// executable.
package clickhouse
