package llmsampling

import (
	"encoding/binary"
	"hash/fnv"
	"strconv"
	"strings"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

// OpenTelemetry's consistent probability sampling (specification, trace/tracestate-probability-sampling): a trace has 56
// bits of randomness R, from rv in the trace state or else from the trace id; a sampler of probability p has the threshold
// T = (1-p)·2⁵⁶ and keeps the trace when R ≥ T. What it keeps carries th, T in hex without trailing zeros.
const (
	randomBits  = 56
	randomRange = uint64(1) << randomBits
	never       = randomRange // the threshold of probability 0: above every R
)

// threshold is T of a probability between 0 and 1.
func threshold(p float64) uint64 {
	switch {
	case p >= 1:
		return 0
	case p <= 0:
		return never
	}
	return min(randomRange-uint64(p*float64(randomRange)), never)
}

// probability is the inverse of threshold.
func probability(t uint64) float64 { return float64(randomRange-t) / float64(randomRange) }

// randomness of a trace.
func randomness(id pcommon.TraceID) uint64 {
	return binary.BigEndian.Uint64(id[8:]) & (randomRange - 1)
}

// ownRandomness stands in for the randomness of a span without a trace id: the same for the same span, whoever asks.
func ownRandomness(span ptrace.Span) uint64 {
	h := fnv.New64a()
	id := span.SpanID()
	h.Write(id[:])
	h.Write(binary.BigEndian.AppendUint64(nil, uint64(span.StartTimestamp())))
	h.Write([]byte(span.Name()))
	x := h.Sum64()
	x ^= x >> 32 // FNV's high bits alone are poor for short input
	x *= 0x9E3779B97F4A7C15
	return x >> (64 - randomBits)
}

// otState is what the trace state's "ot" member says.
type otState struct {
	th, rv       uint64
	hasTh, hasRv bool
}

// readState reads th and rv from a W3C trace state; what can't be read counts as absent.
func readState(state string) (s otState) {
	if !strings.Contains(state, "ot=") {
		return s
	}
	for field := range strings.SplitSeq(otMember(state), ";") {
		key, value, _ := strings.Cut(field, ":")
		switch {
		case key == "th" && !s.hasTh:
			s.th, s.hasTh = parseThreshold(value)
		case key == "rv" && !s.hasRv && len(value) == randomBits/4:
			if v, err := strconv.ParseUint(value, 16, randomBits); err == nil {
				s.rv, s.hasRv = v, true
			}
		}
	}
	return s
}

func parseThreshold(hex string) (uint64, bool) {
	if hex == "" || len(hex) > randomBits/4 {
		return 0, false
	}
	v, err := strconv.ParseUint(hex+strings.Repeat("0", randomBits/4-len(hex)), 16, randomBits)
	return v, err == nil
}

// otMember is the value of the "ot" member of a trace state.
func otMember(state string) string {
	for member := range strings.SplitSeq(state, ",") {
		if v, ok := strings.CutPrefix(strings.TrimSpace(member), "ot="); ok {
			return v
		}
	}
	return ""
}

// withThreshold sets th in a trace state. The changed member goes to the front, as W3C asks.
func withThreshold(state string, t uint64) string {
	th := strings.TrimRight(strconv.FormatUint(t|randomRange, 16)[1:], "0")
	if th == "" {
		th = "0"
	}
	fields := []string{"th:" + th}
	for field := range strings.SplitSeq(otMember(state), ";") {
		if key, _, _ := strings.Cut(field, ":"); field != "" && key != "th" {
			fields = append(fields, field)
		}
	}
	members := []string{"ot=" + strings.Join(fields, ";")}
	for member := range strings.SplitSeq(state, ",") {
		member = strings.TrimSpace(member)
		if member != "" && !strings.HasPrefix(member, "ot=") {
			members = append(members, member)
		}
	}
	return strings.Join(members, ",")
}
