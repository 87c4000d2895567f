// Package tiers is what a ClickHouse server has to be told of hot, warm and cold: three disks, local or S3 with a cache,
// and the storage policy that moves days from one to the next (DESIGN D9).
//
// Data comes in as configuration; out goes the storage_configuration of a server, as XML: the embedded engine's, or the one
// that `tollkeeper storage config` prints for a server. It connects to nothing.
package tiers
