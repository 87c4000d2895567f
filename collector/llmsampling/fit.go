package llmsampling

import (
	"math/bits"

	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/tollkeeper/tollkeeper/collector/genai/inplace"
)

// fit moves the attributes of a span that will be held into as much room as they need, and the two marks that may come. Off the wire they
// have up to twice that: pdata's lists grow by doubling. Where little is to be gained they stay.
func fit(attrs pcommon.Map) {
	const marks = 2
	n := attrs.Len()
	if room := 1 << bits.Len(uint(max(n-1, 0))); room-n-marks < n/4+1 {
		return
	}
	inplace.Fit(attrs, marks)
}
