// Package directory is who the tenants are: display name, parent, cost centre, owner and time zone of each, from which day
// on. It owns the table tenants; a change is added with its author and reason, and nothing is ever overwritten, so that a
// day's spend is reported under who owned it on that day.
//
// Data comes in as changes (Set) and as files (ParseFile), which a Plan holds against what stands; it goes out as a Directory
// and, in SQL, by the views tenants_dated and tenants_at. It refuses a change that would move the spend of a closed month.
package directory
