package calendar

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestDaysThatTheClocksChange(t *testing.T) {
	for _, c := range []struct {
		zone, day, from string
		hours           float64
	}{
		{"UTC", "2026-03-29", "2026-03-29T00:00:00Z", 24},
		{"Europe/Berlin", "2026-03-28", "2026-03-27T23:00:00Z", 24},
		{"Europe/Berlin", "2026-03-29", "2026-03-28T23:00:00Z", 23},
		{"Europe/Berlin", "2026-10-25", "2026-10-24T22:00:00Z", 25},
		{"America/New_York", "2026-11-01", "2026-11-01T04:00:00Z", 25},
		{"Asia/Kolkata", "2026-11-01", "2026-10-31T18:30:00Z", 24},
		{"Australia/Lord_Howe", "2026-10-04", "2026-10-03T13:30:00Z", 23.5},
		{"Africa/Cairo", "2026-04-24", "2026-04-23T22:00:00Z", 23}, // the clocks skip midnight
		{"Africa/Cairo", "2026-04-23", "2026-04-22T22:00:00Z", 24},
		{"Pacific/Apia", "2011-12-31", "2011-12-30T10:00:00Z", 24}, // the day before never was
	} {
		zone, err := Zone(c.zone)
		require.NoError(t, err)
		day, err := ParseDay(c.day, zone)
		require.NoError(t, err)
		require.Equal(t, c.from, day.From.Format(time.RFC3339), "%s in %s", c.day, c.zone)
		require.InDelta(t, c.hours, day.To.Sub(day.From).Hours(), 0, "%s in %s", c.day, c.zone)
		require.Equal(t, day, Day(day.From, zone))
		require.Equal(t, day, Day(day.To.Add(-1), zone))
	}
}

// TestDaysFollowOnEachOther: no moment is in two days or in none, and a month is its days.
func TestDaysFollowOnEachOther(t *testing.T) {
	for _, name := range []string{"", "Europe/Berlin", "America/Sao_Paulo", "Africa/Cairo", "Asia/Kathmandu", "Pacific/Auckland"} {
		zone, err := Zone(name)
		require.NoError(t, err)
		end := time.Date(2027, 1, 15, 0, 0, 0, 0, time.UTC)
		month := Month(time.Date(2017, 1, 15, 0, 0, 0, 0, time.UTC), zone)
		for at := month.From; at.Before(end); {
			if at.Equal(month.To) {
				month = Month(at, zone)
				require.Equal(t, at, month.From, name)
			}
			day := Day(at, zone)
			require.Equal(t, at, day.From, name)
			require.False(t, day.To.After(month.To), "%s: %v", name, day)
			at = day.To
		}
	}
}

func TestWhatIsNone(t *testing.T) {
	for _, bad := range []string{"Local", "Berlin", "+01:00", "../etc"} {
		_, err := Zone(bad)
		require.ErrorContains(t, err, "want a name like Europe/Berlin", bad)
	}
	_, err := ParseDay("2026-11", time.UTC)
	require.ErrorContains(t, err, "write it as 2026-11-30")
	_, err = ParseMonth("2026-11-30", time.UTC)
	require.ErrorContains(t, err, "write it as 2026-11")
	month, err := ParseMonth("2026-12", time.UTC)
	require.NoError(t, err)
	require.Equal(t, Span{time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC), time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC)}, month)
}
