// Package year stores a year of days in three tiers, the last of them a bucket, and checks that every part is on its disk,
// reads back as it was written, and is cheaper than on one tier. Data comes from the days' numbers; out goes the storage
// report and a table of goals.
package year
