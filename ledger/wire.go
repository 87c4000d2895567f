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

// EachCall calls yield with every call of a CallBatch that this program wrote, as AppendBatchCall appended it, tag and length included,
// in order. It stops at what it can't tell apart, and returns the bytes before that.
func EachCall(b []byte, yield func(framed []byte)) (read int) {
	for read < len(b) {
		num, typ, n := tag(b[read:])
		if n < 0 {
			return read
		}
		size := protowire.ConsumeFieldValue(num, typ, b[read+n:])
		if size < 0 {
			return read
		}
		if num == 2 && typ == protowire.BytesType {
			yield(b[read : read+n+size])
		}
		read += n + size
	}
	return read
}

// DecodeBatch calls yield for every call of the batch with the call and its own encoded bytes, in order. The call is
// reused: copy what outlives yield. Bytes that are not a batch are ErrNotBatch, a newer version is ErrNewerVersion;
// in both cases nothing after the fault has been yielded, and the caller discards what was.
func DecodeBatch(b []byte, yield func(c *Call, body []byte)) error {
	var version uint64
	var c, last = new(Call), new(Call)
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
			c, last = last, c
			*c = Call{}
			err := c.decode(body, last)
			if err == nil {
				err = c.check()
			}
			if err != nil {
				return fmt.Errorf("%w: call at byte %d: %w", ErrNotBatch, at, err)
			}
			yield(c, body)
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

// decode reads one call. Texts equal to those of the last call are taken from it instead of being copied again: most calls
// of a batch have most texts in common.
func (c *Call) decode(b []byte, last *Call) error {
	for len(b) > 0 {
		num, typ, n := tag(b)
		if n < 0 {
			return protowire.ParseError(n)
		}
		b = b[n:]
		switch typ {
		case protowire.VarintType:
			v, n := varint(b)
			if n < 0 {
				return protowire.ParseError(n)
			}
			c.setVarint(num, v)
			b = b[n:]
		case protowire.BytesType:
			v, n := lengthed(b)
			if n < 0 {
				return protowire.ParseError(n)
			}
			if err := c.setBytes(num, v, last); err != nil {
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

// tag, varint and lengthed are protowire's, but quick where a number is small, as almost all are: a negative n is its error.
func tag(b []byte) (num protowire.Number, typ protowire.Type, n int) {
	if len(b) > 1 && b[0] >= 1<<3 && b[0] < 0x80 {
		return protowire.Number(b[0] >> 3), protowire.Type(b[0] & 7), 1
	}
	if len(b) > 1 && b[0] >= 0x80 && b[1] > 0 && b[1] < 0x80 {
		v := uint(b[0]&0x7f) | uint(b[1])<<7
		return protowire.Number(v >> 3), protowire.Type(v & 7), 2
	}
	return protowire.ConsumeTag(b)
}

func varint(b []byte) (uint64, int) {
	if len(b) > 0 && b[0] < 0x80 {
		return uint64(b[0]), 1
	}
	return protowire.ConsumeVarint(b)
}

func lengthed(b []byte) ([]byte, int) {
	if len(b) > 0 && b[0] < 0x80 && int(b[0]) < len(b) {
		end := 1 + int(b[0])
		return b[1:end], end
	}
	return protowire.ConsumeBytes(b)
}

// text returns the text field of a number, nil if that is none.
func (c *Call) text(num protowire.Number) *string {
	switch num {
	case 2:
		return &c.Tenant
	case 6:
		return &c.TenantSource
	case 11:
		return &c.Provider
	case 12:
		return &c.Model
	case 13:
		return &c.RequestModel
	case 14:
		return &c.Operation
	case 15:
		return &c.Kind
	case 16:
		return &c.ServiceTier
	case 17:
		return &c.FinishReason
	case 18:
		return &c.ErrorClass
	case 19:
		return &c.Service
	case 20:
		return &c.Environment
	case 21:
		return &c.Region
	case 22:
		return &c.Team
	case 23:
		return &c.Key
	case 24:
		return &c.User
	case 25:
		return &c.Agent
	case 26:
		return &c.Feature
	case 27:
		return &c.Prompt
	case 28:
		return &c.PromptVersion
	case 29:
		return &c.Conversation
	case 31:
		return &c.Emitter
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
		c.Role = Role(min(v, 255))
	case 34:
		c.Rank = uint8(min(v, 255))
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

func (c *Call) setBytes(num protowire.Number, v []byte, last *Call) error {
	if text := c.text(num); text != nil {
		if have := last.text(num); *have == string(v) {
			*text = *have
			return nil
		}
		if len(v) > MaxCallText {
			return fmt.Errorf("field %d: text of %d bytes, a collector writes at most %d", num, len(v), MaxCallText)
		}
		if !utf8.Valid(v) {
			return fmt.Errorf("field %d: text is not UTF-8", num)
		}
		*text = string(v)
		return nil
	}
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
		num, typ, n := tag(b)
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
		v, n := varint(b)
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
