package inplace

import (
	"reflect"
	"unsafe"

	"go.opentelemetry.io/collector/pdata/pcommon"
)

// layoutKnown compares pdata's types with those of this package.
func layoutKnown() bool {
	return likeOurs(pcommon.NewMap(), pcommon.NewValueEmpty()) &&
		holds[string](pcommon.NewValueStr("")) && holds[int64](pcommon.NewValueInt(0)) && holds[float64](pcommon.NewValueDouble(0))
}

// likeOurs reports whether a map and a value are two pointers each, to a list of pairs like Pair and to a struct of one interface.
func likeOurs(aMap, aValue any) bool {
	m, v := reflect.TypeOf(aMap), reflect.TypeOf(aValue)
	if !twoPointers(m) || !twoPointers(v) {
		return false
	}
	list, kept := m.Field(0).Type.Elem(), v.Field(0).Type.Elem()
	if list.Kind() != reflect.Slice || list.Elem().Kind() != reflect.Struct || kept.Kind() != reflect.Struct || kept.NumField() != 1 ||
		kept.Field(0).Type != reflect.TypeFor[any]() {
		return false
	}
	theirs, ours := list.Elem(), reflect.TypeFor[Pair]()
	if theirs.NumField() != ours.NumField() || theirs.Size() != ours.Size() || theirs.Field(0).Type != kept {
		return false
	}
	for i := 1; i < ours.NumField(); i++ {
		if a, b := theirs.Field(i), ours.Field(i); a.Offset != b.Offset || a.Type.Kind() != b.Type.Kind() {
			return false
		}
	}
	return theirs.Field(1).Name == "Key"
}

func twoPointers(t reflect.Type) bool {
	return t.Kind() == reflect.Struct && t.NumField() == 2 && t.Field(0).Type.Kind() == reflect.Pointer &&
		t.Field(1).Type.Kind() == reflect.Pointer && t.Size() == unsafe.Sizeof(attributes{})
}

// holds reports whether a value is a pointer to a struct of one T.
func holds[T any](v pcommon.Value) bool {
	inside := reflect.ValueOf(v).Field(0).Elem().Field(0).Elem()
	if inside.Kind() != reflect.Pointer {
		return false
	}
	kept := inside.Type().Elem()
	return kept.Kind() == reflect.Struct && kept.NumField() == 1 && kept.Field(0).Type == reflect.TypeFor[T]()
}
