package rediscmd

// Matches reports whether a text matches a pattern of KEYS, SCAN and PSUBSCRIBE.
func Matches(pattern, text string) bool {
	for pattern != "" {
		switch pattern[0] {
		case '*':
			for len(pattern) > 1 && pattern[1] == '*' {
				pattern = pattern[1:]
			}
			if len(pattern) == 1 {
				return true
			}
			for i := 0; i <= len(text); i++ {
				if Matches(pattern[1:], text[i:]) {
					return true
				}
			}
			return false
		case '?':
			if text == "" {
				return false
			}
			pattern, text = pattern[1:], text[1:]
		case '[':
			if text == "" {
				return false
			}
			is, rest := inClass(pattern[1:], text[0])
			if !is {
				return false
			}
			pattern, text = rest, text[1:]
		default:
			if pattern[0] == '\\' && len(pattern) > 1 {
				pattern = pattern[1:]
			}
			if text == "" || text[0] != pattern[0] {
				return false
			}
			pattern, text = pattern[1:], text[1:]
		}
	}
	return text == ""
}

// inClass reports whether c is in the class whose text begins behind its [,
// and returns what follows its ].
func inClass(class string, c byte) (is bool, rest string) {
	not := class != "" && class[0] == '^'
	if not {
		class = class[1:]
	}
	for class != "" && class[0] != ']' {
		switch {
		case class[0] == '\\' && len(class) > 1:
			is = is || class[1] == c
			class = class[2:]
		case len(class) > 2 && class[1] == '-':
			low, high := min(class[0], class[2]), max(class[0], class[2])
			is = is || low <= c && c <= high
			class = class[3:]
		default:
			is = is || class[0] == c
			class = class[1:]
		}
	}
	if class != "" {
		class = class[1:]
	}
	return is != not, class
}
