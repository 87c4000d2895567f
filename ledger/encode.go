package ledger

import (
	"encoding/binary"
	"math/bits"
	"slices"
	"strings"
	"unicode/utf8"
	"unsafe"

	"google.golang.org/protobuf/encoding/protowire"
)

// AppendTo appends the encoded call to b: the body of message Call, as it travels inside a CallBatch.
func (c *Call) AppendTo(b []byte) []byte {
	shared := c.shared()
	return c.appendOwn(shared.appendTo(b))
}

// shared is what calls of one source that came together have in common, as a rule. It is written first: an Encoder copies it from the
// call before.
type shared struct {
	minute, received int64
	role             Role
	rank             uint8

	tenant, tenantSource, provider, operation, kind, service, environment, region, team, feature, emitter, rule, priceVersion string
}

func (c *Call) shared() shared {
	return shared{c.Minute, c.Received, c.Role, c.Rank, c.Tenant, c.TenantSource, c.Provider, c.Operation, c.Kind, c.Service,
		c.Environment, c.Region, c.Team, c.Feature, c.Emitter, c.Rule, c.PriceVersion}
}

// of is c.shared() == *s, without the copy.
func (s *shared) of(c *Call) bool {
	return s.minute == c.Minute && s.received == c.Received && s.role == c.Role && s.rank == c.Rank &&
		same(s.tenant, c.Tenant) && same(s.tenantSource, c.TenantSource) && same(s.provider, c.Provider) && same(s.operation, c.Operation) &&
		same(s.kind, c.Kind) && same(s.service, c.Service) && same(s.environment, c.Environment) && same(s.region, c.Region) &&
		same(s.team, c.Team) && same(s.feature, c.Feature) && same(s.emitter, c.Emitter) && same(s.rule, c.Rule) &&
		same(s.priceVersion, c.PriceVersion)
}

// same is a == b, quicker where both are one text in memory: the look at their addresses decides nothing else.
func same(a, b string) bool {
	return len(a) == len(b) && (unsafe.StringData(a) == unsafe.StringData(b) || a == b)
}

func (s *shared) appendTo(b []byte) []byte {
	b = appendVarint(b, 1, uint64(s.minute))
	b = appendText(b, 2, s.tenant)
	b = appendText(b, 6, s.tenantSource)
	b = appendVarint(b, 9, uint64(s.received))
	b = appendText(b, 11, s.provider)
	b = appendText(b, 14, s.operation)
	b = appendText(b, 15, s.kind)
	b = appendText(b, 19, s.service)
	b = appendText(b, 20, s.environment)
	b = appendText(b, 21, s.region)
	b = appendText(b, 22, s.team)
	b = appendText(b, 26, s.feature)
	b = appendText(b, 31, s.emitter)
	b = appendText(b, 32, s.rule)
	b = appendVarint(b, 33, uint64(s.role))
	b = appendVarint(b, 34, uint64(s.rank))
	return appendText(b, 43, s.priceVersion)
}

// Encoder appends calls one after the other. What a call shares with the one before is copied. It is not safe for concurrent use.
type Encoder struct {
	last    shared
	encoded []byte // of last
}

// Forget drops the texts of the last call, whose memory may be a request's.
func (e *Encoder) Forget() {
	e.last, e.encoded = shared{}, e.encoded[:0]
}

// AppendToBatch appends the call to a CallBatch, as AppendBatchCall does with what AppendTo gives, but without another copy.
func (e *Encoder) AppendToBatch(b []byte, c *Call) []byte {
	if !e.last.of(c) {
		e.last = c.shared()
		e.encoded = e.last.appendTo(e.encoded[:0])
	}
	const room = 3 // for the tag and a length of two bytes, which most calls have
	at := len(b)
	b = c.appendOwn(append(append(b, 0, 0, 0), e.encoded...))
	if size := len(b) - at - room; size >= 1<<7 && size < 1<<14 {
		b[at], b[at+1], b[at+2] = 2<<3|byte(protowire.BytesType), byte(size)|0x80, byte(size>>7)
		return b
	}
	return AppendBatchCall(b[:at], slices.Clone(b[at+room:]))
}

// appendOwn appends what isn't shared.
func (c *Call) appendOwn(b []byte) []byte {
	b = appendID(b, 3, c.TraceID[:])
	b = appendID(b, 4, c.SpanID[:])
	if c.ParentSpanID != [8]byte{} {
		b = appendID(b, 5, c.ParentSpanID[:])
	}
	b = appendVarint(b, 7, uint64(c.Start))
	b = appendVarint(b, 8, uint64(c.Duration))
	b = appendVarint(b, 10, uint64(c.FirstToken))
	b = c.appendTexts(b)
	if c.ResponseID != 0 {
		b = appendTag(b, 30, protowire.Fixed64Type)
		b = protowire.AppendFixed64(b, c.ResponseID)
	}
	for p := c.Raw.present; p != 0; p &= p - 1 {
		f := bits.TrailingZeros32(p)
		b = appendCount(b, 35, f, c.Raw.value[f])
	}
	for i, v := range &c.Usage.Tokens {
		if v != 0 {
			b = appendCount(b, 36, i, v)
		}
	}
	for i, v := range &c.Usage.Units {
		if v != 0 {
			b = appendCount(b, 37, i, v)
		}
	}
	for i, v := range &c.Cost {
		if v != 0 {
			b = appendCount(b, 38, i, int64(v))
		}
	}
	b = appendZigZag(b, 39, int64(c.ListDelta))
	b = appendZigZag(b, 40, int64(c.CacheSaved))
	b = appendZigZag(b, 41, int64(c.TierSaved))
	b = appendZigZag(b, 42, int64(c.ProvidedCost))
	b = appendText(b, 44, c.PriceEntry)
	b = appendText(b, 45, c.Unpriced)
	b = appendVarint(b, 46, uint64(c.Flags))
	b = appendVarint(b, 47, uint64(c.RequestBytes))
	return appendVarint(b, 48, uint64(c.ResponseBytes))
}

// appendTexts appends the texts of fields 12 to 29 that aren't shared.
func (c *Call) appendTexts(b []byte) []byte {
	b = appendText(b, 12, c.Model)
	b = appendText(b, 13, c.RequestModel)
	b = appendText(b, 16, c.ServiceTier)
	b = appendText(b, 17, c.FinishReason)
	b = appendText(b, 18, c.ErrorClass)
	b = appendText(b, 23, c.Key)
	b = appendText(b, 24, c.User)
	b = appendText(b, 25, c.Agent)
	b = appendText(b, 27, c.Prompt)
	b = appendText(b, 28, c.PromptVersion)
	return appendText(b, 29, c.Conversation)
}

// appendTag is protowire.AppendTag for the field numbers used here, all below 2048.
func appendTag(b []byte, num int, typ protowire.Type) []byte {
	tag := uint(num)<<3 | uint(typ)
	if tag < 0x80 {
		return append(b, byte(tag))
	}
	return append(b, byte(tag)|0x80, byte(tag>>7))
}

func appendID(b []byte, num int, id []byte) []byte {
	return append(append(appendTag(b, num, protowire.BytesType), byte(len(id))), id...)
}

func appendVarint(b []byte, num int, v uint64) []byte {
	if v == 0 {
		return b
	}
	return appendNumber(appendTag(b, num, protowire.VarintType), v)
}

// appendNumber is protowire.AppendVarint; most numbers here are one or two bytes long, the times and amounts six to nine.
func appendNumber(b []byte, v uint64) []byte {
	for v >= 0x80 {
		b = append(b, byte(v)|0x80)
		v >>= 7
	}
	return append(b, byte(v))
}

func appendZigZag(b []byte, num int, v int64) []byte {
	return appendVarint(b, num, protowire.EncodeZigZag(v))
}

func appendText(b []byte, num int, s string) []byte {
	if s == "" { // apart, so that it is inlined
		return b
	}
	return appendSome(b, num, s)
}

// appendSome appends a text that isn't empty.
func appendSome(b []byte, num int, s string) []byte {
	before := b
	if n := len(s); n < 0x80 && len(b)+3+n <= cap(b) {
		b = append(appendTag(b, num, protowire.BytesType), byte(n))
		at := len(b)
		b = b[:at+n]
		if copyPlain(b[at:], s) {
			return b
		}
	}
	s = CleanText(s)
	return append(appendNumber(appendTag(before, num, protowire.BytesType), uint64(len(s))), s...)
}

// copyPlain copies a text of one byte at least into as much room, and reports whether it is all ASCII, as nearly all are: four or eight bytes
// at a time, the last of which may overlap others.
func copyPlain(to []byte, s string) bool {
	n := len(s)
	if n < 8 {
		if n >= 4 {
			first, last := four(s, 0), four(s, n-4)
			binary.LittleEndian.PutUint32(to, first)
			binary.LittleEndian.PutUint32(to[n-4:], last)
			return (first|last)&0x80808080 == 0
		}
		to[0], to[n/2], to[n-1] = s[0], s[n/2], s[n-1]
		return s[0]|s[n/2]|s[n-1] < utf8.RuneSelf
	}
	all := eight(s, n-8)
	binary.LittleEndian.PutUint64(to[n-8:], all)
	for i := 0; i+8 < n; i += 8 {
		w := eight(s, i)
		binary.LittleEndian.PutUint64(to[i:], w)
		all |= w
	}
	return all&0x8080808080808080 == 0
}

// four are the bytes s[i:i+4] as one number.
func four(s string, i int) uint32 {
	_ = s[i+3]
	return uint32(s[i]) | uint32(s[i+1])<<8 | uint32(s[i+2])<<16 | uint32(s[i+3])<<24
}

// eight are the bytes s[i:i+8] as one number.
func eight(s string, i int) uint64 {
	_ = s[i+7]
	return uint64(s[i]) | uint64(s[i+1])<<8 | uint64(s[i+2])<<16 | uint64(s[i+3])<<24 |
		uint64(s[i+4])<<32 | uint64(s[i+5])<<40 | uint64(s[i+6])<<48 | uint64(s[i+7])<<56
}

// appendCount appends a message Count; kinds are below 128.
func appendCount(b []byte, num, kind int, v int64) []byte {
	tag := uint(num)<<3 | uint(protowire.BytesType) // two bytes
	at := len(b) + 2
	if kind == 0 {
		b = append(b, byte(tag)|0x80, byte(tag>>7), 0, 2<<3)
	} else {
		b = append(b, byte(tag)|0x80, byte(tag>>7), 0, 1<<3, byte(kind), 2<<3)
	}
	b = appendNumber(b, protowire.EncodeZigZag(v))
	b[at] = byte(len(b) - at - 1)
	return b
}

// CleanText makes s valid UTF-8, each run of other bytes becoming one U+FFFD, and cuts it at MaxCallText bytes, at a rune.
func CleanText(s string) string {
	if len(s) <= MaxCallText && utf8.ValidString(s) {
		return s
	}
	return cutText(strings.ToValidUTF8(cutText(s), "\uFFFD"))
}

func cutText(s string) string {
	if len(s) <= MaxCallText {
		return s
	}
	cut := MaxCallText
	for cut > MaxCallText-utf8.UTFMax && !utf8.RuneStart(s[cut]) {
		cut--
	}
	return s[:cut]
}
