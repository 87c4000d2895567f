package llmsampling

// The budget bounds the bytes that are kept a second. Spans are decided after they were held, so what is asked for is known
// before it is decided: the bytes of each second's arrivals (a cohort) give the share of them that fits. Traces of the floor
// and late spans of kept traces come first, then traces with a reason, then the rest.
//
// What is handed on is another amount than the spans that came: their size is an estimate, marks are added, and a batch carries
// its resource and scope whether one span of it is kept or all. The ratio of both, over the last seconds, corrects the share.
//
// A last check bounds what is handed on within one second, whatever was expected.
const (
	plainSlack  = 1.05 // of the budget, in any second, for traces without a reason
	reasonSlack = 1.10 // for all but the floor and late spans of kept traces
	forget      = 0.7  // weight of the past in the ratio, a second
)

// claim is on what grounds bytes are asked for.
type claim int

const (
	claimNone   claim = iota // of a dropped trace
	claimFirm                // of the floor, or of a trace that was kept before
	claimReason              // with a reason
	claimPlain               // without one
	numClaims
)

// shares are the probabilities with which traces are kept, and cap is what plain would be without a budget.
type shares struct{ reason, plain, cap float64 }

// cohort is what came within one second.
type cohort struct {
	second int64
	bytes  [numClaims]int64
	shares shares // once the second is over
	closed bool
}

type budget struct {
	perSecond float64 // bytes; 0 is no limit
	cap       float64 // of shares.plain

	cur, last *cohort // the open one, and the one before

	outSecond        int64
	out              float64 // bytes handed on in that second
	came, went       float64 // of the spans handed on in that second, and with all that went with them
	oldCame, oldWent float64 // of the seconds before, the older the less
	draining         bool    // what is held is handed on at once, as more than a second's worth
}

func newBudget(perSecond int64, probability float64) *budget {
	return &budget{perSecond: float64(perSecond), cap: probability, cur: &cohort{}, last: &cohort{shares: shares{1, probability, probability}}}
}

// at is the cohort of what comes now.
func (b *budget) at(now int64) *cohort {
	if now > b.cur.second {
		b.close(b.cur)
		b.last, b.cur = b.cur, &cohort{second: now}
	}
	return b.cur
}

func (b *budget) close(c *cohort) {
	if !c.closed {
		c.shares, c.closed = b.fit(&c.bytes), true
	}
}

// asked are the bytes that a trace asked for last without a reason.
type asked struct {
	cohort *cohort
	bytes  int64
}

// claim notes what a batch of cohort c asks for. What the trace asked for before without a reason has one when the trace has.
func (b *budget) claim(c *cohort, on claim, bytes int64, before *asked) {
	c.bytes[on] += bytes
	switch on {
	case claimPlain:
		if before.cohort != c {
			*before = asked{cohort: c}
		}
		before.bytes += bytes
	case claimReason:
		if then := before.cohort; then != nil {
			then.bytes[claimPlain] -= before.bytes
			then.bytes[claimReason] += before.bytes
			if then.closed {
				then.shares = b.fit(&then.bytes)
			}
			*before = asked{}
		}
	}
}

// fit is what share of the claims fits into a second's budget.
func (b *budget) fit(bytes *[numClaims]int64) shares {
	if b.perSecond == 0 {
		return shares{1, b.cap, b.cap}
	}
	left := b.perSecond/b.ratio() - float64(bytes[claimFirm])
	part := func(of int64) float64 {
		if float64(of) <= left || of == 0 {
			return 1
		}
		return max(left, 0) / float64(of)
	}
	s := shares{reason: part(bytes[claimReason]), cap: b.cap}
	left -= s.reason * float64(bytes[claimReason])
	s.plain = min(part(bytes[claimPlain]), b.cap)
	return s
}

// ratio of what was handed on to the spans of it as they came.
func (b *budget) ratio() float64 {
	came, went := b.oldCame+b.came, b.oldWent+b.went
	if came <= 0 {
		return 1
	}
	return min(max(went/came, 0.5), 10)
}

// now are the shares for traces of cohort c that are decided in this second.
func (b *budget) now(c *cohort, second int64) shares {
	if b.perSecond == 0 {
		return shares{1, b.cap, b.cap}
	}
	if second > c.second {
		b.close(c)
	}
	s := c.shares
	if !c.closed { // decided as they come: this second may be like the one before, or worse
		s = b.fit(&c.bytes)
		if b.last.closed && b.last.second == c.second-1 {
			s.reason, s.plain = min(s.reason, b.last.shares.reason), min(s.plain, b.last.shares.plain)
		}
	}
	b.turn(second)
	if b.draining {
		return s
	}
	if b.out >= plainSlack*b.perSecond {
		s.plain = 0
	}
	if b.out >= reasonSlack*b.perSecond {
		s.reason = 0
	}
	return s
}

func (b *budget) turn(second int64) {
	if second != b.outSecond {
		b.oldCame, b.oldWent = forget*b.oldCame+b.came, forget*b.oldWent+b.went
		b.outSecond, b.out, b.came, b.went = second, 0, 0, 0
	}
}

// spend notes bytes of kept spans.
func (b *budget) spend(second, bytes int64) {
	b.turn(second)
	b.out += float64(bytes)
}

// correct changes what was spent in a second, unless that is over.
func (b *budget) correct(second, bytes int64) {
	if second == b.outSecond {
		b.out += float64(bytes)
	}
}

// handed notes what a batch gave in all, and what its spans were when they came.
func (b *budget) handed(came, went int64) {
	b.came += float64(came)
	b.went += float64(went)
}
