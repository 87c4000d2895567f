package llmsampling

import (
	"strings"
	"testing"
)

// Whatever a client writes into its trace state: reading doesn't fail, and after th is set it is read back, rv is what it was
// and the other members are still there.
func FuzzTraceState(f *testing.F) {
	for _, s := range []string{"", "ot=th:8", "vendor=x,ot=rv:f0000000000000;zz:1", "ot=", "ot=th", "ot=;;,", "a=b,,c", "ot=th:;rv:", "ot=th:ffffffffffffffff"} {
		f.Add(s, uint64(0xe6666666666667))
	}
	f.Fuzz(func(t *testing.T, state string, threshold uint64) {
		threshold %= randomRange
		before := readState(state)
		if before.th >= randomRange || before.rv >= randomRange {
			t.Fatalf("%q: th or rv beyond 56 bits", state)
		}
		set := withThreshold(state, threshold)
		after := readState(set)
		if !after.hasTh || after.th != threshold {
			t.Errorf("%q: th %x was read back as %x from %q", state, threshold, after.th, set)
		}
		if before.hasRv && (!after.hasRv || after.rv != before.rv) {
			t.Errorf("%q: rv changed in %q", state, set)
		}
		for member := range strings.SplitSeq(state, ",") {
			if m := strings.TrimSpace(member); m != "" && !strings.HasPrefix(m, "ot=") && !strings.Contains(set, m) {
				t.Errorf("%q: member %q is gone from %q", state, m, set)
			}
		}
	})
}
