package ledger

import (
	"errors"
	"fmt"
	"unicode/utf8"

	"google.golang.org/protobuf/encoding/protowire"
)

// BatchVersion is the version this program writes, and the newest it reads.
const BatchVersion = 1

// MaxCallText bounds every text of a call, in bytes; longer ones are cut at a rune by AppendBatch.
const MaxCallText = 512

// ErrNewerVersion says that a batch was written by a newer program: upgrade this one, then replay the dead letter.
var ErrNewerVersion = errors.New("call batch of a newer version")

// ErrNotBatch says that bytes are not a CallBatch.
var ErrNotBatch = errors.New("not a call batch")

// stringFields lists the text fields by number, the same for reading and writing.
func (c *Call) stringFields() [32]*string {
	return [32]*string{
		2: &c.Tenant, 6: &c.TenantSource,
		11: &c.Provider, 12: &c.Model, 13: &c.RequestModel, 14: &c.Operation, 15: &c.Kind, 16: &c.ServiceTier,
		17: &c.FinishReason, 18: &c.ErrorClass, 19: &c.Service, 20: &c.Environment, 21: &c.Region, 22: &c.Team,
		23: &c.Key, 24: &c.User, 25: &c.Agent, 26: &c.Feature, 27: &c.Prompt, 28: &c.PromptVersion,
		29: &c.Conversation, 31: &c.Emitter,
	}
}

// lateString returns the text fields above number 31.
func (c *Call) lateString(num protowire.Number) *string {
	switch num {
	case 32:
		return &c.Rule
	case 43:
		return &c.PriceVersion
	case 44:
		return &c.PriceEntry
	case 45:
		return &c.Unpriced
	}
	return nil
}

// AppendBatch appends the CallBatch of calls to b. Texts are made valid UTF-8 and cut at MaxCallText.
func AppendBatch(b []byte, calls []Call) []byte {
	b = AppendBatchHeader(b)
	var body []byte
	for i := range calls {
		body = calls[i].AppendTo(body[:0])
		b = AppendBatchCall(b, body)
	}
	return b
}

// AppendBatchHeader starts a CallBatch.
func AppendBatchHeader(b []byte) []byte {
	b = protowire.AppendTag(b, 1, protowire.VarintType)
	return protowire.AppendVarint(b, BatchVersion)
}

// AppendBatchCall adds one call, as AppendTo encoded it, to a CallBatch.
func AppendBatchCall(b, body []byte) []byte {
	b = protowire.AppendTag(b, 2, protowire.BytesType)
	return protowire.AppendBytes(b, body)
}

// AppendTo appends the encoded call to b: the body of message Call, as it travels inside a CallBatch.
func (c *Call) AppendTo(b []byte) []byte {
	b = appendVarint(b, 1, uint64(c.Minute))
	b = protowire.AppendTag(b, 3, protowire.BytesType)
	b = protowire.AppendBytes(b, c.TraceID[:])
	b = protowire.AppendTag(b, 4, protowire.BytesType)
	b = protowire.AppendBytes(b, c.SpanID[:])
	if c.ParentSpanID != [8]byte{} {
		b = protowire.AppendTag(b, 5, protowire.BytesType)
		b = protowire.AppendBytes(b, c.ParentSpanID[:])
	}
	b = appendVarint(b, 7, uint64(c.Start))
	b = appendVarint(b, 8, uint64(c.Duration))
	b = appendVarint(b, 9, uint64(c.Received))
	b = appendVarint(b, 10, uint64(c.FirstToken))
	for num, s := range c.stringFields() {
		if s != nil {
			b = appendText(b, protowire.Number(num), *s)
		}
	}
	for _, num := range [...]protowire.Number{32, 43, 44, 45} {
		b = appendText(b, num, *c.lateString(num))
	}
	if c.ResponseID != 0 {
		b = protowire.AppendTag(b, 30, protowire.Fixed64Type)
		b = protowire.AppendFixed64(b, c.ResponseID)
	}
	b = appendVarint(b, 33, uint64(c.Role))
	b = appendVarint(b, 34, uint64(c.Rank))
	c.Raw.Each(func(f RawField, v int64) { b = appendCount(b, 35, uint8(f), v) })
	for i, v := range c.Usage.Tokens {
		if v != 0 {
			b = appendCount(b, 36, uint8(i), v)
		}
	}
	for i, v := range c.Usage.Units {
		if v != 0 {
			b = appendCount(b, 37, uint8(i), v)
		}
	}
	for i, v := range c.Cost {
		if v != 0 {
			b = appendCount(b, 38, uint8(i), int64(v))
		}
	}
	b = appendZigZag(b, 39, int64(c.ListDelta))
	b = appendZigZag(b, 40, int64(c.CacheSaved))
	b = appendZigZag(b, 41, int64(c.TierSaved))
	b = appendZigZag(b, 42, int64(c.ProvidedCost))
	b = appendVarint(b, 46, uint64(c.Flags))
	b = appendVarint(b, 47, uint64(c.RequestBytes))
	return appendVarint(b, 48, uint64(c.ResponseBytes))
}

func appendVarint(b []byte, num protowire.Number, v uint64) []byte {
	if v == 0 {
		return b
	}
	return protowire.AppendVarint(protowire.AppendTag(b, num, protowire.VarintType), v)
}

func appendZigZag(b []byte, num protowire.Number, v int64) []byte {
	return appendVarint(b, num, protowire.EncodeZigZag(v))
}

func appendText(b []byte, num protowire.Number, s string) []byte {
	if s == "" {
		return b
	}
	return protowire.AppendString(protowire.AppendTag(b, num, protowire.BytesType), CleanText(s))
}

func appendCount(b []byte, num protowire.Number, kind uint8, v int64) []byte {
	b = protowire.AppendTag(b, num, protowire.BytesType)
	z := protowire.EncodeZigZag(v)
	size := 1 + protowire.SizeVarint(z)
	if kind != 0 {
		size += 1 + protowire.SizeVarint(uint64(kind))
	}
	b = protowire.AppendVarint(b, uint64(size))
	b = appendVarint(b, 1, uint64(kind))
	return protowire.AppendVarint(protowire.AppendTag(b, 2, protowire.VarintType), z)
}

// CleanText makes s valid UTF-8 and cuts it at MaxCallText bytes, at a rune.
func CleanText(s string) string {
	if len(s) > MaxCallText {
		cut := MaxCallText
		for cut > 0 && !utf8.RuneStart(s[cut]) {
			cut--
		}
		s = s[:cut]
	}
	if utf8.ValidString(s) {
		return s
	}
	return string([]rune(s))
}

// DecodeBatch calls yield for every call of the batch with the call and its own encoded bytes, in order. The call is
// reused: copy what outlives yield. Bytes that are not a batch are ErrNotBatch, a newer version is ErrNewerVersion;
// in both cases nothing after the fault has been yielded, and the caller discards what was.
func DecodeBatch(b []byte, yield func(c *Call, body []byte)) error {
	var version uint64
	var c Call
	for at := 0; at < len(b); {
		num, typ, n := protowire.ConsumeTag(b[at:])
		if n < 0 {
			return fmt.Errorf("%w: tag at byte %d: %w", ErrNotBatch, at, protowire.ParseError(n))
		}
		at += n
		switch {
		case num == 1 && typ == protowire.VarintType:
			v, n := protowire.ConsumeVarint(b[at:])
			if n < 0 {
				return fmt.Errorf("%w: version: %w", ErrNotBatch, protowire.ParseError(n))
			}
			if v > BatchVersion {
				return fmt.Errorf("%w: version %d, this program reads up to %d", ErrNewerVersion, v, BatchVersion)
			}
			version = v
			at += n
		case num == 2 && typ == protowire.BytesType:
			body, n := protowire.ConsumeBytes(b[at:])
			if n < 0 {
				return fmt.Errorf("%w: call at byte %d: %w", ErrNotBatch, at, protowire.ParseError(n))
			}
			if version == 0 {
				return fmt.Errorf("%w: no version before the first call", ErrNotBatch)
			}
			c = Call{}
			if err := c.decode(body); err != nil {
				return fmt.Errorf("%w: call at byte %d: %w", ErrNotBatch, at, err)
			}
			yield(&c, body)
			at += n
		default:
			n := protowire.ConsumeFieldValue(num, typ, b[at:])
			if n < 0 {
				return fmt.Errorf("%w: field %d: %w", ErrNotBatch, num, protowire.ParseError(n))
			}
			at += n
		}
	}
	if version == 0 {
		return fmt.Errorf("%w: no version", ErrNotBatch)
	}
	return nil
}

func (c *Call) decode(b []byte) error {
	texts := c.stringFields()
	for len(b) > 0 {
		num, typ, n := protowire.ConsumeTag(b)
		if n < 0 {
			return protowire.ParseError(n)
		}
		b = b[n:]
		switch typ {
		case protowire.VarintType:
			v, n := protowire.ConsumeVarint(b)
			if n < 0 {
				return protowire.ParseError(n)
			}
			c.setVarint(num, v)
			b = b[n:]
		case protowire.BytesType:
			v, n := protowire.ConsumeBytes(b)
			if n < 0 {
				return protowire.ParseError(n)
			}
			var text *string
			if int(num) < len(texts) {
				text = texts[num]
			} else {
				text = c.lateString(num)
			}
			if text != nil {
				if !utf8.Valid(v) {
					return fmt.Errorf("field %d: text is not UTF-8", num)
				}
				*text = string(v)
			} else if err := c.setBytes(num, v); err != nil {
				return err
			}
			b = b[n:]
		case protowire.Fixed64Type:
			v, n := protowire.ConsumeFixed64(b)
			if n < 0 {
				return protowire.ParseError(n)
			}
			if num == 30 {
				c.ResponseID = v
			}
			b = b[n:]
		default:
			n := protowire.ConsumeFieldValue(num, typ, b)
			if n < 0 {
				return protowire.ParseError(n)
			}
			b = b[n:]
		}
	}
	return nil
}

func (c *Call) setVarint(num protowire.Number, v uint64) {
	switch num {
	case 1:
		c.Minute = int64(v)
	case 7:
		c.Start = int64(v)
	case 8:
		c.Duration = int64(v)
	case 9:
		c.Received = int64(v)
	case 10:
		c.FirstToken = int64(v)
	case 33:
		c.Role = Role(v)
	case 34:
		c.Rank = uint8(v)
	case 39:
		c.ListDelta = Money(protowire.DecodeZigZag(v))
	case 40:
		c.CacheSaved = Money(protowire.DecodeZigZag(v))
	case 41:
		c.TierSaved = Money(protowire.DecodeZigZag(v))
	case 42:
		c.ProvidedCost = Money(protowire.DecodeZigZag(v))
	case 46:
		c.Flags = Flags(v)
	case 47:
		c.RequestBytes = int64(v)
	case 48:
		c.ResponseBytes = int64(v)
	}
}

func (c *Call) setBytes(num protowire.Number, v []byte) error {
	switch num {
	case 3:
		return setID(c.TraceID[:], v, "trace_id")
	case 4:
		return setID(c.SpanID[:], v, "span_id")
	case 5:
		return setID(c.ParentSpanID[:], v, "parent_span_id")
	case 35, 36, 37, 38:
		kind, value, err := decodeCount(v)
		if err != nil {
			return err
		}
		c.setCount(num, kind, value)
	}
	return nil
}

// setCount stores a count; kinds of a newer minor format are skipped, as unknown fields are.
func (c *Call) setCount(num protowire.Number, kind uint64, value int64) {
	switch {
	case num == 35 && kind < uint64(NumRaw):
		c.Raw.Set(RawField(kind), value)
	case num == 36 && kind < uint64(NumBuckets):
		c.Usage.Tokens[kind] = value
	case num == 37 && kind < uint64(NumUnits):
		c.Usage.Units[kind] = value
	case num == 38 && kind < uint64(NumCostParts):
		c.Cost[kind] = Money(value)
	}
}

func setID(dst, v []byte, name string) error {
	if len(v) != len(dst) {
		return fmt.Errorf("%s has %d bytes, want %d", name, len(v), len(dst))
	}
	copy(dst, v)
	return nil
}

func decodeCount(b []byte) (kind uint64, value int64, err error) {
	for len(b) > 0 {
		num, typ, n := protowire.ConsumeTag(b)
		if n < 0 {
			return 0, 0, protowire.ParseError(n)
		}
		b = b[n:]
		if typ != protowire.VarintType {
			if n = protowire.ConsumeFieldValue(num, typ, b); n < 0 {
				return 0, 0, protowire.ParseError(n)
			}
			b = b[n:]
			continue
		}
		v, n := protowire.ConsumeVarint(b)
		if n < 0 {
			return 0, 0, protowire.ParseError(n)
		}
		b = b[n:]
		switch num {
		case 1:
			kind = v
		case 2:
			value = protowire.DecodeZigZag(v)
		}
	}
	return kind, value, nil
}
