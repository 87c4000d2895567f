package genai

import "math/bits"

// slots is the compiled form of keys: a hash table, found by the bytes of a name that tell most of them apart. It is asked for every
// attribute of every call.
var slots = newSlots()

const (
	slotBits = 10
	slotMask = 1<<slotBits - 1
	// slotFactor spreads the keys so that none is more than two slots from its own; TestKeysAreSpread holds it to that, and says what
	// to do when a new key doesn't fit.
	slotFactor uint64 = 0x9e3779b97f4a7c15
)

type slotTable [1 << slotBits]key

func newSlots() (t slotTable) {
	for i := range t {
		t[i] = noKey
	}
	for i := range keys {
		at := slotOf(keys[i].name) & slotMask
		for t[at] != noKey {
			at = (at + 1) & slotMask
		}
		t[at] = key(i)
	}
	return t
}

// keyOf is the key of a name, noKey if that isn't read.
func keyOf(name string) key {
	for at := slotOf(name); ; at++ {
		if k := slots[at&slotMask]; k == noKey || keys[k].name == name {
			return k
		}
	}
}

// The keys by which OpenTelemetry's conventions name what llmcost needn't name again.
var keyResponseModel, keyAgent = keyOf("gen_ai.response.model"), keyOf("gen_ai.agent.name")

// slotOf hashes a name by its length, its last eight bytes and the eight in its middle.
func slotOf(name string) int {
	n := len(name)
	if n < 8 {
		if n < 4 {
			return n
		}
		return int(name[0]&31)<<5 | int(name[n-2]&31)
	}
	h := eight(name, n-8) ^ bits.RotateLeft64(eight(name, n/2-4), 32) ^ uint64(n)
	return int(h * slotFactor >> (64 - slotBits))
}

// eight are the bytes s[i:i+8] as one number.
func eight(s string, i int) uint64 {
	_ = s[i+7]
	return uint64(s[i]) | uint64(s[i+1])<<8 | uint64(s[i+2])<<16 | uint64(s[i+3])<<24 |
		uint64(s[i+4])<<32 | uint64(s[i+5])<<40 | uint64(s[i+6])<<48 | uint64(s[i+7])<<56
}
