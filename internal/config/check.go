package config

import (
	"errors"
	"fmt"
	"reflect"
	"sort"
	"strings"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
)

// check lists every key that the type has no field for, and every value that isn't of its key's type. Maps and untyped
// values accept any key.
func check(n ast.Node, t reflect.Type, path string) []error {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	var problems []error
	switch {
	case isLeaf(t):
		if err := wrongValue(n, t); err != nil {
			return []error{fmt.Errorf("line %d: %s: %w", n.GetToken().Position.Line, path, err)}
		}
	case t.Kind() == reflect.Slice:
		seq, ok := n.(*ast.SequenceNode)
		if !ok && !asTheDecoderHasIt(n) {
			return []error{fmt.Errorf("line %d: %s: want a list", n.GetToken().Position.Line, path)}
		}
		if ok {
			for i, item := range seq.Values {
				problems = append(problems, check(item, t.Elem(), fmt.Sprintf("%s[%d]", path, i))...)
			}
		}
	case t.Kind() == reflect.Map:
		for _, kv := range mappingValues(n) {
			problems = append(problems, check(kv.Value, t.Elem(), join(path, kv.Key.String()))...)
		}
	case t.Kind() == reflect.Struct:
		fields := yamlFields(t)
		for _, kv := range mappingValues(n) {
			key := kv.Key.String()
			field, ok := fields[key]
			if !ok {
				problems = append(problems, fmt.Errorf("line %d: unknown key %s: remove it, or use one of: %s",
					kv.Key.GetToken().Position.Line, join(path, key), strings.Join(names(fields), ", ")))
				continue
			}
			problems = append(problems, check(kv.Value, field, join(path, key))...)
		}
	}
	return problems
}

// isLeaf reports whether values of the type have no keys of ours below them.
func isLeaf(t reflect.Type) bool {
	switch t.Kind() {
	case reflect.Bool, reflect.String, reflect.Int, reflect.Int32, reflect.Int64, reflect.Uint32, reflect.Uint64, reflect.Float64:
		return true
	}
	return decodesItself(t)
}

// wrongValue says what is wanted where a value can't be read as the type. It repeats durations only: another value may be secret.
func wrongValue(n ast.Node, t reflect.Type) error {
	if asTheDecoderHasIt(n) {
		return nil
	}
	if t == reflect.TypeFor[time.Duration]() {
		text := n.String()
		if s, ok := n.(*ast.StringNode); ok {
			text = s.Value
		}
		if _, err := time.ParseDuration(text); err != nil {
			return fmt.Errorf("%s: want a duration with its unit, such as 400ms, 5s or 12h", text)
		}
		return nil
	}
	err := yaml.NodeToValue(n, reflect.New(t).Interface())
	switch {
	case err == nil:
		return nil
	case decodesItself(t):
		return errors.New(yaml.FormatError(err, false, false))
	case t.Kind() == reflect.Bool:
		return errors.New("want true or false")
	case t.Kind() == reflect.String:
		return errors.New("want one value, not a list or a mapping")
	case t.Kind() == reflect.Float64:
		return errors.New("want a number")
	}
	return errors.New("want a whole number")
}

// asTheDecoderHasIt reports whether what a node says is known to the decoder only, or nothing.
func asTheDecoderHasIt(n ast.Node) bool {
	switch n.(type) {
	case *ast.NullNode, *ast.AliasNode, *ast.AnchorNode, *ast.TagNode, *ast.MergeKeyNode:
		return true
	}
	return false
}

// decodesItself reports whether a struct type reads its own YAML (ledger amounts and the like).
func decodesItself(t reflect.Type) bool {
	p := reflect.PointerTo(t)
	for _, i := range []reflect.Type{
		reflect.TypeFor[yaml.BytesUnmarshaler](), reflect.TypeFor[yaml.InterfaceUnmarshaler](),
		reflect.TypeFor[interface{ UnmarshalText([]byte) error }](),
	} {
		if p.Implements(i) {
			return true
		}
	}
	return false
}

func mappingValues(n ast.Node) []*ast.MappingValueNode {
	switch m := n.(type) {
	case *ast.MappingNode:
		return m.Values
	case *ast.MappingValueNode:
		return []*ast.MappingValueNode{m}
	}
	return nil
}

func yamlFields(t reflect.Type) map[string]reflect.Type {
	fields := map[string]reflect.Type{}
	for i := range t.NumField() {
		f := t.Field(i)
		name, opts, _ := strings.Cut(f.Tag.Get("yaml"), ",")
		switch {
		case !f.IsExported() || name == "-":
		case strings.Contains(opts, "inline"):
			for k, v := range yamlFields(f.Type) {
				fields[k] = v
			}
		case name == "":
			fields[strings.ToLower(f.Name)] = f.Type
		default:
			fields[name] = f.Type
		}
	}
	return fields
}

func names(fields map[string]reflect.Type) []string {
	var out []string
	for k := range fields {
		out = append(out, k)
	}
	sort.Strings(out)
	return out
}

func join(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}
