package ingest

import (
	"fmt"
	"math/bits"
)

// The protocol of one step (DESIGN D3) as a model, searched breadth first: two processes, one partition, every interleaving
// of their steps with crashes, rebalances (the owner of before goes on as a zombie), a record that was sent twice, a record
// that can't be read, a wiped group, a restored backup of the database, a log that drops what wasn't read, a topic that is
// deleted and created again. An order of steps with a start rule is safe if in every state where nothing can move any more
// every record is stored once or its loss is written down, and the totals have all that is stored.
//
// The model is the reason for the order of the steps. It has to find the bad ones, too; else it would prove nothing.

type ingestStep byte

const (
	stepDead   ingestStep = iota // send what can't be read to the dead letters
	stepCalls                    // insert the calls
	stepMarks                    // mark their windows
	stepRanges                   // write down what is stored
	stepCommit                   // commit to the group
)

func (s ingestStep) String() string {
	return [...]string{"dead letters", "calls", "marks", "ranges", "commit"}[s]
}

var designedSteps = []ingestStep{stepDead, stepCalls, stepMarks, stepRanges, stepCommit}

// ingestProtocol is an order of steps and what else can be got wrong.
type ingestProtocol struct {
	order      []ingestStep
	committed  bool // start where the group has committed, whatever is stored
	noIdentity bool // a record stored again is a call more
	noLook     bool // look at the topic's id at the start only
	noGaps     bool // don't write down what is gone
	noFence    bool // the broker takes commits of zombies
	noRemark   bool // a start that writes down a loss doesn't mark what may be stored without a mark
}

// Calls are bits. Those of the second log come after those of the first. Of each log the first record is unreadable, and
// the third is the second once more.
const (
	firstLog  = 3
	secondLog = 2
	none      = uint8(0xff)
)

const (
	unreadableCalls = uint8(1<<0 | 1<<firstLog)
	twin            = 2 // of record 1
)

// budget is how often each misfortune may still come.
type budget struct{ crashes, rebalances, wipes, restores, drops, creations uint8 }

// books are what the database holds.
type books struct {
	stored, doubled, rolled, dead uint8 // calls; dead letters are in Kafka, but outlive the same things
	gone                          uint8 // calls whose loss is written down
	reached                       [2]uint8
	known                         [2]bool // there are ranges under this id of the topic
	mark                          [2]bool // of the windows, one per log
}

type worker struct {
	alive      bool
	generation uint8 // in which it has begun; 0: none
	log        uint8 // the id it has seen there
	pos        uint8 // the next record
	first      uint8 // what it has read and not stored yet: [first, pos)
	pc         uint8 // the next step + 1; 0: reads
	content    uint8 // the calls of [first, pos)
}

type ingestState struct {
	log        uint8 // the topic's id
	start, end uint8 // of the log
	books      books
	backup     books
	hasBackup  bool
	generation uint8
	owner      uint8
	committed  uint8
	worker     [2]worker
	left       budget
}

func (s *ingestState) length() uint8 {
	if s.log == 0 {
		return firstLog
	}
	return secondLog
}

// bit of a record.
func bitOf(log, offset uint8) uint8 { return 1 << (log*firstLog + offset) }

// produced are the calls of the log so far, and those that it still has.
func (s *ingestState) calls(from uint8) (out uint8) {
	for o := from; o < s.end; o++ {
		out |= bitOf(s.log, o)
	}
	return out
}

// begin is the start rule.
func (s ingestState) begin(i int, p *ingestProtocol) ingestState {
	w := &s.worker[i]
	b := &s.books
	w.generation, w.log, w.pc = s.generation, s.log, 0
	at := s.start
	if newLog := s.log == 1 && !b.known[1]; (newLog || b.known[s.log] && b.reached[s.log] < s.start) && !p.noRemark {
		b.markAll()
	}
	switch {
	case p.committed:
		at = max(s.start, min(s.end, noNone(s.committed, s.start)))
	case !b.known[s.log]:
		b.known[s.log], b.reached[s.log] = true, s.start // an epoch; what the log had before is gone, and known to be
		if !p.noGaps {
			b.gone |= s.dropped()
		}
		if s.log == 1 && !p.noGaps {
			b.gone |= callsOf[0]
		}
	default:
		at = min(b.reached[s.log], noNone(s.committed, b.reached[s.log]))
		if b.reached[s.log] < s.start {
			if !p.noGaps {
				b.gone |= s.dropped()
			}
			b.reached[s.log] = s.start
		}
		at = max(at, s.start)
	}
	w.pos, w.first = at, at
	s.committed = at
	return s
}

// callsOf a log.
var callsOf = [2]uint8{1<<firstLog - 1, (1<<secondLog - 1) << firstLog}

// markAll marks every window that has calls.
func (b *books) markAll() {
	for l := range b.mark {
		b.mark[l] = b.mark[l] || b.stored&callsOf[l] != 0
	}
}

// dropped are the calls that the log had and hasn't any more.
func (s *ingestState) dropped() (out uint8) {
	for o := range s.start {
		out |= bitOf(s.log, o)
	}
	return out
}

func noNone(offset, instead uint8) uint8 {
	if offset == none {
		return instead
	}
	return offset
}

// step does the next one of a worker.
func (s ingestState) step(i int, p *ingestProtocol) ingestState {
	w := &s.worker[i]
	b := &s.books
	good, bad := w.content&^unreadableCalls, w.content&unreadableCalls
	switch p.order[w.pc-1] {
	case stepDead:
		b.dead |= bad
	case stepCalls:
		if p.noIdentity {
			b.doubled |= b.stored & good
		}
		b.stored |= good
	case stepMarks:
		b.mark[w.log] = b.mark[w.log] || good != 0
	case stepRanges:
		if r := &b.reached[w.log]; b.known[w.log] && w.first <= *r { // the contiguous end
			*r = max(*r, w.pos)
		}
	case stepCommit:
		switch {
		case w.generation == s.generation || p.noFence:
			if w.log == s.log {
				s.committed = w.pos
			}
		default: // fenced: it begins anew
			w.generation = 0
		}
	}
	if w.pc++; int(w.pc) > len(p.order) {
		w.pc, w.first, w.content = 0, w.pos, 0
	}
	if w.generation == 0 {
		*w = worker{alive: true}
	}
	return s
}

// atRest: nothing is left to do for anybody.
func (s *ingestState) atRest(p *ingestProtocol) bool {
	o := s.worker[s.owner]
	if s.end < s.length() || s.books.mark != [2]bool{} || !o.alive || o.generation != s.generation || o.pc != 0 || o.pos < s.end {
		return false
	}
	if !p.noLook && o.log != s.log {
		return false
	}
	z := s.worker[1-s.owner]
	return !z.alive || z.generation == 0
}

// wrong tells what is not as it should be at rest.
func (s *ingestState) wrong() string {
	b := s.books
	all := s.calls(0)
	if s.log == 1 {
		all |= callsOf[0]
	}
	// The twin is the same call: stored if either is.
	identities := b.stored
	if identities&(1<<1|1<<twin) != 0 {
		identities |= 1<<1 | 1<<twin
	}
	lost := all &^ (identities | b.dead | b.gone)
	switch {
	case lost != 0:
		return fmt.Sprintf("%d records are lost", bits.OnesCount8(lost))
	case b.rolled != b.stored:
		return "the totals lack what is stored"
	case b.doubled != 0:
		return "a call counts twice"
	}
	return ""
}

func (s ingestState) next(p *ingestProtocol, yield func(string, ingestState)) {
	if s.end < s.length() {
		n := s
		n.end++
		yield("a record is sent", n)
	}
	for l, marked := range s.books.mark {
		if marked {
			n := s
			n.books.mark[l] = false
			n.books.rolled = n.books.rolled&^callsOf[l] | n.books.stored&callsOf[l]
			yield(fmt.Sprintf("rollup of window %d", l), n)
		}
	}
	for i := range s.worker {
		s.workerNext(i, p, yield)
	}
	s.misfortunes(yield)
}

func (s ingestState) workerNext(i int, p *ingestProtocol, yield func(string, ingestState)) {
	w := s.worker[i]
	owner := uint8(i) == s.owner
	switch {
	case !w.alive:
		n := s
		n.worker[i] = worker{alive: true}
		yield(fmt.Sprintf("worker %d is started", i), n)
		return
	case w.generation == 0 && owner:
		yield(fmt.Sprintf("worker %d begins", i), s.begin(i, p))
	case w.pc != 0:
		yield(fmt.Sprintf("worker %d %s", i, p.order[w.pc-1]), s.step(i, p))
	case w.generation != 0 && !p.noLook && w.log != s.log:
		n := s
		n.worker[i] = worker{alive: true}
		yield(fmt.Sprintf("worker %d sees another log", i), n)
	case w.generation != 0 && (w.pos > s.end || w.pos < s.start): // out of range
		n := s
		n.worker[i] = worker{alive: true}
		yield(fmt.Sprintf("worker %d is out of range", i), n)
	case w.generation != 0 && w.pos < s.end: // also a zombie reads
		n := s
		n.worker[i].pc, n.worker[i].first, n.worker[i].pos, n.worker[i].content = 1, w.pos, s.end, s.calls(w.pos)
		yield(fmt.Sprintf("worker %d reads [%d, %d)", i, w.pos, s.end), n)
	}
	if w.generation != 0 && w.generation != s.generation && w.pc == 0 { // it hears of the rebalance
		n := s
		n.worker[i] = worker{alive: true}
		yield(fmt.Sprintf("worker %d leaves", i), n)
	}
	if s.left.crashes > 0 {
		n := s
		n.left.crashes--
		n.worker[i] = worker{}
		yield(fmt.Sprintf("worker %d crashes", i), n)
	}
}

func (s ingestState) misfortunes(yield func(string, ingestState)) {
	if s.left.rebalances > 0 {
		n := s
		n.left.rebalances--
		n.generation++
		n.owner = 1 - s.owner
		yield("rebalance", n)
	}
	if s.left.wipes > 0 {
		n := s
		n.left.wipes--
		n.committed = none
		n.generation++
		yield("the group is wiped", n)
	}
	if s.left.restores > 0 && !s.hasBackup {
		n := s
		n.hasBackup, n.backup = true, s.books
		yield("backup", n)
	}
	if s.left.restores > 0 && s.hasBackup && s.quiet() {
		n := s
		n.left.restores--
		dead := s.books.dead
		n.books = s.backup
		n.books.dead = dead
		n.worker = [2]worker{}
		yield("the backup is restored", n)
	}
	if s.left.drops > 0 && s.start < s.end {
		n := s
		n.left.drops--
		n.start++
		yield("the log drops its oldest record", n)
	}
	if s.left.creations > 0 && s.log == 0 && s.end == firstLog {
		n := s
		n.left.creations--
		n.log, n.start, n.end, n.committed = 1, 0, 0, none
		yield("the topic is deleted and created again", n)
	}
}

// quiet: ingest is stopped, as it has to be for a restore.
func (s *ingestState) quiet() bool { return !s.worker[0].alive && !s.worker[1].alive }
