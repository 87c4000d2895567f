package protocol

import "math/bits"

// Marks are the marks of one window as two workers know them. A worker reads the marks that are there and later removes exactly
// those, so marks that the same workers have read are alike, and of marks that are alike it only matters whether there are any: a bit
// for each of the four sets of workers.
type Marks uint8

// Add is a mark that nobody has read.
func (m Marks) Add() Marks { return m | 1 }

// Any says whether a mark is there.
func (m Marks) Any() bool { return m != 0 }

// Read has a worker, 0 or 1, read all that are there.
func (m Marks) Read(worker int) (out Marks) {
	for set := range 4 {
		if m>>set&1 != 0 {
			out |= 1 << (set | 1<<worker)
		}
	}
	return out
}

// Forget has a worker end: what it has read stays.
func (m Marks) Forget(worker int) (out Marks) {
	for set := range 4 {
		if m>>set&1 != 0 {
			out |= 1 << (set &^ (1 << worker))
		}
	}
	return out
}

// Remove removes exactly those that a worker has read.
func (m Marks) Remove(worker int) (out Marks) {
	for set := range 4 {
		if set>>worker&1 == 0 {
			out |= m & (1 << set)
		}
	}
	return out
}

// Mirrored has the workers change places.
func (m Marks) Mirrored() Marks { return m&0b1001 | m&0b0010<<1 | m&0b0100>>1 }

// Claims are the numbers of one window, to be rewritten by what of them matters: their order, and which is the one that follows the
// highest that is written. All are at most one above that; 0 is none.
type Claims struct {
	highest *uint8
	all     [8]*uint8
	n       int
}

// Ranked begins with the highest claim that is written.
func Ranked(highest *uint8) Claims { return Claims{highest: highest} }

// And takes another one in.
func (c *Claims) And(n *uint8) {
	c.all[c.n] = n
	c.n++
}

// Rank rewrites them.
func (c *Claims) Rank() {
	used := uint64(1) << *c.highest
	for _, n := range c.all[:c.n] {
		used |= 1 << *n
	}
	used &^= 1
	for _, n := range c.all[:c.n] {
		*n = rank(used, *n)
	}
	*c.highest = rank(used, *c.highest)
}

// rank is how many of the numbers in use are at most n.
func rank(used uint64, n uint8) uint8 { return uint8(bits.OnesCount64(used & (1<<(n+1) - 1))) }
