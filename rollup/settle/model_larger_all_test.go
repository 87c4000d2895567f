//go:build testall

package settle

var larger = []variant{two, {order: designed, minutes: []uint8{0, 1, 1}, there: 2, noLater: true}}
