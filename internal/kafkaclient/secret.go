package kafkaclient

// Secret is a text that is never printed, whatever prints it.
type Secret string

const hidden = "[hidden]"

// String implements fmt.Stringer.
func (s Secret) String() string {
	if s == "" {
		return ""
	}
	return hidden
}

// GoString implements fmt.GoStringer.
func (s Secret) GoString() string { return s.String() }

// MarshalText implements encoding.TextMarshaler, which YAML and JSON use.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }
