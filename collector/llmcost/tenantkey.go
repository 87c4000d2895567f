package llmcost

import (
	"encoding/json"
	"strings"

	"go.opentelemetry.io/collector/pdata/pcommon"
)

// tenantKey is where a name is looked for: an attribute, or a field of one that holds an object ("metadata#team", as OpenInference
// writes what applications add: an object as JSON).
type tenantKey struct{ attribute, field string }

const fieldMark = "#"

func tenantKeyOf(written string) tenantKey {
	attribute, field, _ := strings.Cut(written, fieldMark)
	return tenantKey{attribute, field}
}

func tenantKeysOf(written []string) []tenantKey {
	out := make([]tenantKey, len(written))
	for i, w := range written {
		out[i] = tenantKeyOf(w)
	}
	return out
}

// maxObject bounds the objects in which a field is looked for, in bytes of JSON.
const maxObject = 64 << 10

// in is what the attributes say under the key, a text or a whole number as text; empty if they say nothing.
func (k tenantKey) in(attrs pcommon.Map) string {
	v, ok := attrs.Get(k.attribute)
	if !ok {
		return ""
	}
	if k.field == "" {
		return nameIn(v)
	}
	switch v.Type() {
	case pcommon.ValueTypeMap:
		if v, ok := v.Map().Get(k.field); ok {
			return nameIn(v)
		}
	case pcommon.ValueTypeStr:
		return fieldOf(v.Str(), k.field)
	}
	return ""
}

func nameIn(v pcommon.Value) string {
	switch v.Type() {
	case pcommon.ValueTypeStr:
		return v.Str()
	case pcommon.ValueTypeInt:
		return v.AsString()
	}
	return ""
}

// fieldOf is a field of an object as JSON: a text, or a whole number as it stands there.
func fieldOf(object, field string) string {
	if len(object) > maxObject || !strings.Contains(object, field) {
		return ""
	}
	var fields map[string]json.RawMessage
	if json.Unmarshal([]byte(object), &fields) != nil {
		return ""
	}
	var text string
	if json.Unmarshal(fields[field], &text) == nil {
		return text
	}
	var number int64
	if json.Unmarshal(fields[field], &number) == nil && len(fields[field]) <= 20 {
		return string(fields[field])
	}
	return ""
}
