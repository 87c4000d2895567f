package config

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"sort"
	"strings"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
)

// fault is what is wrong with the value at a path.
type fault struct {
	path string
	err  error
}

// check lists every key that the type has no field for, and every value that isn't of its key's type, and takes both out of the
// tree, so that the rest can be decoded and validated. Maps and untyped values accept any key.
func check(n ast.Node, t reflect.Type, path string) []fault {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	wrong := func(err error) []fault {
		return []fault{{path, fmt.Errorf("line %d: %s: %w", n.GetToken().Position.Line, path, err)}}
	}
	switch {
	case isLeaf(t):
		if err := wrongValue(n, t); err != nil {
			return wrong(err)
		}
	case t.Kind() == reflect.Slice:
		seq, ok := n.(*ast.SequenceNode)
		switch {
		case ok:
			return checkItems(seq, t.Elem(), path)
		case !asTheDecoderHasIt(n):
			return wrong(errors.New("want a list"))
		}
	case t.Kind() == reflect.Map || t.Kind() == reflect.Struct:
		m, ok := n.(*ast.MappingNode)
		switch {
		case ok:
			return checkKeys(m, t, path)
		case !asTheDecoderHasIt(n):
			return wrong(errors.New("want keys and values below it"))
		}
	}
	return nil
}

// checkItems leaves nothing in the place of a wrong item: the others keep their numbers.
func checkItems(seq *ast.SequenceNode, t reflect.Type, path string) []fault {
	var faults []fault
	for i, item := range seq.Values {
		at := fmt.Sprintf("%s[%d]", path, i)
		found := check(item, t, at)
		if isAt(found, at) {
			seq.Values[i] = ast.Null(item.GetToken())
		}
		faults = append(faults, found...)
	}
	return faults
}

func checkKeys(m *ast.MappingNode, t reflect.Type, path string) []fault {
	var faults []fault
	var fields map[string]reflect.Type
	if t.Kind() == reflect.Struct {
		fields = yamlFields(t)
	}
	m.Values = slices.DeleteFunc(m.Values, func(kv *ast.MappingValueNode) bool {
		key := kv.Key.String()
		at := join(path, key)
		field, ok := fields[key]
		switch {
		case t.Kind() == reflect.Map:
			field = t.Elem()
		case !ok:
			faults = append(faults, fault{at, fmt.Errorf("line %d: unknown key %s: remove it, or use one of: %s",
				kv.Key.GetToken().Position.Line, at, strings.Join(names(fields), ", "))})
			return true
		}
		found := check(kv.Value, field, at)
		faults = append(faults, found...)
		return isAt(found, at)
	})
	return faults
}

// isAt reports that the value itself is wrong, not only something below it.
func isAt(faults []fault, path string) bool {
	return slices.ContainsFunc(faults, func(f fault) bool { return f.path == path })
}

// without leaves out what is said of values that are wrong anyway: what stands in their place is a default or nothing.
func without(err error, faults []fault) error {
	joined, ok := err.(interface{ Unwrap() []error })
	if !ok {
		return err
	}
	var kept []error
	for _, e := range joined.Unwrap() {
		if _, several := e.(interface{ Unwrap() []error }); several {
			kept = append(kept, without(e, faults))
		} else if !slices.ContainsFunc(faults, func(f fault) bool {
			rest, of := strings.CutPrefix(e.Error(), f.path)
			return of && strings.IndexAny(rest, " :.[") == 0
		}) {
			kept = append(kept, e)
		}
	}
	return errors.Join(kept...)
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
