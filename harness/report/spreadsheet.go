package report

import "strings"

// cellText is a text as a cell of a CSV file: spreadsheets take one that begins with =, +, -, @, a tab or a carriage
// return for a formula and evaluate it, and show one behind an apostrophe as it stands
// (OWASP, CSV injection). Numbers are written without it, so that a negative one stays a number.
func cellText(s string) string {
	if s != "" && strings.ContainsRune("=+-@\t\r", rune(s[0])) {
		return "'" + s
	}
	return s
}
