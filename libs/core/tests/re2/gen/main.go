// Command gen writes what Go's regexp engine says of many patterns: the corpus that
// spike-core's re2 module is held against.
//
//	go run main.go > ../corpus.jsonl
//	go run main.go names > ../../../src/re2/unicode_names.txt
//
// The first line of the corpus lists the inputs. Every other line has a pattern and either
// Go's error or one digit per input: 1 if the pattern matches it.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"regexp"
	"slices"
	"strings"
	"unicode"
)

// randomPatterns is how many patterns are put together from fragments.
const randomPatterns = 900

type line struct {
	Inputs  []string `json:"inputs,omitempty"`
	Pattern string   `json:"pattern,omitempty"`
	Error   string   `json:"error,omitempty"`
	Hits    string   `json:"hits,omitempty"`
}

func main() {
	out := bufio.NewWriter(os.Stdout)
	defer out.Flush()
	if len(os.Args) > 1 && os.Args[1] == "names" {
		for _, name := range names() {
			fmt.Fprintln(out, name)
		}
		return
	}
	encoder := json.NewEncoder(out)
	encoder.SetEscapeHTML(false)
	write := func(l line) {
		if err := encoder.Encode(l); err != nil {
			panic(err)
		}
	}
	write(line{Inputs: inputs})
	seen := map[string]bool{}
	for _, pattern := range append(slices.Clone(patterns), compose()...) {
		if !seen[pattern] {
			seen[pattern] = true
			write(judge(pattern))
		}
	}
}

func judge(pattern string) line {
	compiled, err := regexp.Compile(pattern)
	if err != nil {
		return line{Pattern: pattern, Error: err.Error()}
	}
	var hits strings.Builder
	for _, input := range inputs {
		if compiled.MatchString(input) {
			hits.WriteByte('1')
		} else {
			hits.WriteByte('0')
		}
	}
	return line{Pattern: pattern, Hits: hits.String()}
}

// names lists what Go accepts in \p{…}, as it compares names: without case, blanks, dashes
// and underscores.
func names() []string {
	var found []string
	try := func(name string) {
		plain := strings.ToLower(strings.NewReplacer("_", "", "-", "", " ", "").Replace(name))
		if _, err := regexp.Compile(`\p{` + plain + `}`); err == nil {
			found = append(found, plain)
		}
	}
	for name := range unicode.Scripts {
		try(name)
	}
	for name := range unicode.Categories {
		try(name)
	}
	for name := range unicode.CategoryAliases {
		try(name)
	}
	for _, name := range []string{"Any", "ASCII", "Assigned", "LC", "Cn"} {
		try(name)
	}
	slices.Sort(found)
	return slices.Compact(found)
}

// compose puts patterns together from fragments, most of which look alike in Go and in Rust.
func compose() []string {
	random := rand.New(rand.NewPCG(1, 2))
	pick := func(from []string) string { return from[random.IntN(len(from))] }
	var made []string
	for range randomPatterns {
		var pattern strings.Builder
		if random.IntN(8) == 0 {
			pattern.WriteString(pick([]string{"(?i)", "(?s)", "(?m)", "(?U)", "(?i-s)"}))
		}
		if random.IntN(3) == 0 {
			pattern.WriteByte('^')
		}
		for range 1 + random.IntN(4) {
			pattern.WriteString(pick(fragments))
			if random.IntN(3) == 0 {
				pattern.WriteString(pick(operators))
			}
		}
		if random.IntN(3) == 0 {
			pattern.WriteByte('$')
		}
		made = append(made, pattern.String())
	}
	return made
}

var fragments = []string{
	"a", "b", "k", "S", "1", "_", "-", "/", ".", "x", "tenants/", "spiffe://", `spike\.ist`,
	`\d`, `\D`, `\w`, `\W`, `\s`, `\S`, `\b`, `\B`, `\A`, `\z`, `\.`, `\-`, `\\`, `\Q.*\E`,
	`\x41`, `\x{e9}`, `\101`, `\n`, `\t`, `\pL`, `\PL`, `\p{Greek}`, `\p{^Lu}`, `\pN`, "é", "σ",
	"[abc]", "[^abc]", "[a-z]", "[^a-z]", "[a-]", "[-a]", "[]a]", "[^]a]", "[[]", "[a&&b]",
	"[a--b]", "[a~~b]", "[[a]b]", `[\d-x]`, `[\w.]`, `[^\W]`, `[^\d]`, `[[:alpha:]]`,
	`[[:^digit:]]`, `[\pL1]`, `[^\pL]`, `[\n]`, "(a|b)", "(?:a|)", "(|a)", "(ab)+", "(?i:k)",
	"(?i:s)", "(?-i:a)", "()", "(?P<n>a)", "(?<n>b)", "(a", "b)", "a|b", "|", "{", "}", "{a}",
	"{,2}", "{1,b}", "]", `\C`, `\Z`, `\8`, `\y`, `\e`,
}

var operators = []string{
	"*", "+", "?", "*?", "+?", "??", "{2}", "{0}", "{1,}", "{0,2}", "{2,3}?", "**", "{2}{3}",
	"{3,2}", "{1001}", "{02}",
}

var inputs = []string{
	"", "a", "b", "k", "K", "s", "S", "x", "ab", "ba", "aa", "aaa", "abc", "AB", "aB", "1", "12",
	"_", "-", ".", "/", " ", "\t", "\n", "\v", "\r", "\f", "a\n", "\na", "a\nb", "a b", "a-b",
	"a.b", "a/b", "{", "}", "a{2", "a{2}", "{a}", "{,2}", "a{,2}", "a{1,b}", "[", "]", "[a]",
	"b]", "a]", "&", "a&&b", "~", "-]", "^", "$", "a$", "^a", "|", "(", ")", "\\", ".*", "a.*",
	"*", "+", "?", "\u007f", "\u0085", "\u00a0", "é", "É", "aé", "éa", "ß", "ẞ", "σ", "ς", "Σ",
	"\u212a", "\u017f", "\u0130", "\u0131", "٣", "1٣", "中", "Ⅷ", "\u0301", "a\u0301", "🔑",
	"Dž", "A", "A1", "tenants/acme", "tenants/acme/db", "xtenants/acme", "tenants/a{b}",
	"spiffe://spike.ist/workload/a", "spiffe://spike.ist/workload/app-1",
	"spiffe://spikexist/workload/a", "spiffe://spike.ist", "spike/system/acl",
	"spike/system/secret", "spike/system/cipher/exec",
}

var patterns = slices.Concat(
	// Classes that are ASCII in Go and Unicode in Rust.
	[]string{
		`\d`, `\D`, `\w`, `\W`, `\s`, `\S`, `\b`, `\B`, `^\d$`, `^\D$`, `^\w$`, `^\W$`, `^\s$`, `^\S$`,
		`^\d+$`, `^\w+$`, `^\s+$`, `\ba`, `a\b`, `\Ba`, `a\B`, `\b\w+\b`, `^\b`, `\b$`, `\B$`, `é\b`,
		`\bé`, `\Bé`, `é\B`, `[\d]`, `[^\d]`, `[\D]`, `^[\w]$`, `^[^\w]$`, `^[\s]$`, `^[^\s]$`,
		`^[\W]$`, `^[^\W]$`, `^[\S]$`, `^[\D\d]$`, `^[\w\W]$`, `(?i)\w`, `(?i)^\w$`, `(?i)^\W$`,
		`(?i)^[\w]$`, `(?i)^[^\w]$`, `(?i)^[\W]$`, `(?i)\d`, `(?i)^\s$`,
	},
	// Braces that aren't a repetition.
	[]string{
		`{`, `}`, `^{$`, `^}$`, `a{`, `a{2`, `a{,2}`, `^a{,2}$`, `a{a}`, `{a}`, `^{a}$`, `a{1,b}`,
		`a{-1}`, `a{ 1}`, `a{1 }`, `a{01}`, `a{1,02}`, `a{1,2,3}`, `a{}`, `a{,}`, `x{`, `{,2}`,
		`tenants/a{b}`, `^tenants/a{b}$`, `a\{2\}`, `a{2}}`, `{{a}`, `(a{)`, `(a{2)`, `[{]`, `[}]`,
		`[a{2}]`, `{2,x}`, `a{2}{`, `a{2}{a`, `a*{`, `a+{,3}`,
	},
	// Repetitions and their limits.
	[]string{
		`a{0}`, `a{1}`, `a{2}`, `^a{2}$`, `a{2,}`, `^a{2,}$`, `a{0,2}`, `^a{0,2}$`, `a{2,3}`, `a{2}?`,
		`a{2,}?`, `a{2,3}?`, `a{1000}`, `a{1001}`, `a{1,1000}`, `a{1,1001}`, `a{1001,}`, `a{1000,}`,
		`a{3,2}`, `a{100000000}`, `a{99999999999999999999}`, `a{1,99999999999999999999}`,
		`(a{100}){10}`, `(a{100}){11}`, `(a{10}){100}`, `((a{10}){10}){10}`, `((a{10}){10}){11}`,
		`(a{500}|b){2}`, `(a{501}|b){2}`, `(a{2,}){500}`, `(a{2,}){501}`, `(a*){1000}`, `(a+){1000}`,
		`(a{0,}){1000}`, `(a{1,}){1000}`, `(a{1000}){0}`, `((a{1000}){0}){1000}`, `(a{1000})*`,
		`(a{1000}){1}`, `(a{1000}){1,2}`, `(a{1000}){2}`, `(?:a{1000}){2}`, `(a{0}){1000}`,
		`(?:^{1000}){1000}`, `(?:(?:){1000}){1000}`, `(?:a{0,1000}){0,1}`, `(?:a{0,1000}){0,2}`,
		`a**`, `a*+`, `a+*`, `a++`, `a?*`, `a*?`, `a+?`, `a??`, `a*??`, `a???`, `a{2}*`, `a{2}{3}`,
		`a*{2}`, `(a*)*`, `(a*)+`, `(?:a*)*`, `*`, `+`, `?`, `{2}`, `*a`, `(*)`, `(+a)`, `(?:*)`,
		`a|*`, `a|*b`, `|*`, `(|*)`, `^*`, `^+`, `$*`, `^{2}`, `\b*`, `\b+`, `\Aa*`, `a(?i)*`,
		`(?i)*`, `()*`, `(|a)*`, `(a|)*`, `a\Q\E*`, `a*\Q\E*`, `\Q\E*`, `\Qab\E*`, `^\Qab\E+$`,
	},
	// Quoting and escapes.
	[]string{
		`\Q.*\E`, `^\Q.*\E$`, `\Qa`, `\Q`, `\Q\E`, `\Qa\Eb`, `\E`, `a\E`, `\Q\\E`, `\Q[\E`, `\Q(\E`,
		`\Qa|b\E`, `(?i)\Qk\E`, `\Q{\E`, `[\Q]`, `[\Qa\E]`, `\Q\Q\E`, `\Qé\E`,
		`\.`, `\*`, `\+`, `\?`, `\(`, `\)`, `\[`, `\]`, `\{`, `\}`, `\^`, `\$`, `\|`, `\\`, `\/`, `\-`,
		`\_`, `\~`, `\&`, `\#`, `\ `, `\%`, `\@`, `\"`, `\'`, `\<`, `\>`, `\,`, `\:`, `\;`, `\=`, `\!`,
		"\\`", `\é`, `\中`, `\a`, `\f`, `\n`, `\r`, `\t`, `\v`, `\c`, `\e`, `\g`, `\h`, `\i`, `\j`,
		`\k`, `\l`, `\m`, `\o`, `\q`, `\u`, `\u0041`, `\U00000041`, `\x`, `\x4`, `\x41`, `\x4g`,
		`\x{41}`, `\x{}`, `\x{g}`, `\x{41`, `\x{10ffff}`, `\x{110000}`, `\x{00000000041}`,
		`\x{d800}`, `[\x{d800}]`, `[\x{d800}-\x{dfff}]`, `[^\x{d800}]`, `[a-\x{d800}]`,
		`[\x{d800}-\x{e000}]`, `\x{d800}|a`, `\y`, `\z`, `\Z`, `\A`, `\G`, `\C`, `\X`, `\R`, `\K`,
		`\N`, `\L`, `\H`, `\0`, `\00`, `\000`, `\01`, `\012`, `\1`, `\11`, `\101`, `\1011`, `\7`,
		`\77`, `\8`, `\9`, `\18`, `(a)\1`, `[\1]`, `[\0]`, `[\101]`, `\`, `a\`, `[\`, `[a\`, `\Aa\z`,
		`a\z`, `\Aa`, `a\z$`, `^\Aa`, `[\A]`, `[\z]`, `[\b]`, `[\B]`, `[\C]`, `[\.]`, `[\]]`, `[\\]`,
		`[\x41-\x43]`, `[\x{41}-\x{43}]`, `[\t\n]`, `[\-a]`, `[\^a]`, `[\Z]`,
	},
	// Classes.
	[]string{
		`[a]`, `[^a]`, `[ab]`, `[a-c]`, `[^a-c]`, `[c-a]`, `[a-a]`, `[a-]`, `[-a]`, `[-]`, `[^-]`,
		`[--]`, `[---]`, `[a--]`, `[--a]`, `[+--]`, `[a--b]`, `[a-c-e]`, `[a-c-]`, `[\d-z]`, `[a-\d]`,
		`[a-\n]`, `[\n-a]`, `[&&]`, `[a&&b]`, `[^a&&b]`, `[a-z&&b]`, `^[a-z&&[^b]]$`, `[a&&]`, `[~~]`,
		`[a~~b]`, `[a-z~~b]`, `[a-z--b]`, `[z--b]`, `[a&&&b]`, `[[]`, `[[a]`, `[[]a]`, `[[a]b]`,
		`[a[b]`, `[a[b]c]`, `[^[]`, `[]`, `[]]`, `[]a]`, `[^]`, `[^]]`, `[^]a]`, `[]-a]`, `[^^]`,
		`[a^]`, `[$]`, `[.]`, `[*]`, `[|]`, `[(]`, `[)]`, `[`, `[a`, `[^`, `[a-`, `[a-z`, `[a]]`,
		`^[a]]$`, `a]`, `]`, `]]`, `[ ]`, `[# ]`, `[:alpha:]`, `[[:alpha:]]`, `[[:^alpha:]]`,
		`^[[:alpha:]]$`, `^[[:^alpha:]]$`, `^[^[:alpha:]]$`, `^[^[:^alpha:]]$`, `[[:alnum:]]`,
		`[[:ascii:]]`, `^[[:^ascii:]]$`, `^[[:blank:]]$`, `^[[:cntrl:]]$`, `^[[:digit:]]$`,
		`^[[:graph:]]$`, `^[[:lower:]]$`, `^[[:print:]]$`, `^[[:punct:]]$`, `^[[:space:]]$`,
		`^[[:upper:]]$`, `^[[:word:]]$`, `^[[:xdigit:]]$`, `^[[:^word:]]$`, `^[[:^space:]]$`,
		`[[:nothing:]]`, `[[:^nothing:]]`, `[[:Alpha:]]`, `[[:alpha:]`, `[[:alpha]`, `[[:alpha`,
		`[[:]`, `[[::]]`, `[[:alpha:][:digit:]]`, `[a[:digit:]b]`, `[[:alpha:]-z]`, `[a-[:digit:]]`,
		`[[.a.]]`, `[[=a=]]`, `(?i)^[[:lower:]]$`, `(?i)^[[:upper:]]$`, `(?i)^[[:^lower:]]$`,
		`(?i)^[^[:lower:]]$`, `(?i)[[:word:]]`, `^[é]$`, `^[^é]$`, `^[a-é]$`, `[é-a]`, `^[^\n]$`,
		`^[^a]$`, `(?s)^[^a]$`, `(?m)^[^a]$`, `[\s\S]`, `^[\s\d]$`,
	},
	// Unicode classes.
	[]string{
		`\pL`, `^\pL$`, `^\PL$`, `\p{L}`, `\p{^L}`, `\P{^L}`, `^\p{Lu}$`, `^\p{Ll}$`, `^\p{Lt}$`,
		`^\pN$`, `^\p{Nd}$`, `^\p{Nl}$`, `^\pM$`, `^\pP$`, `^\pS$`, `^\pZ$`, `^\p{Zs}$`, `^\pC$`,
		`^\p{Cc}$`, `^\p{Cs}$`, `^\P{Cs}$`, `^\p{Cn}$`, `^\p{Co}$`, `^\p{Greek}$`, `^\P{Greek}$`,
		`^\p{Han}$`, `^\p{Latin}$`, `^\p{Cyrillic}$`, `^\p{Common}$`, `^\p{Inherited}$`,
		`\p{greek}`, `\p{GREEK}`, `\p{Old_Italic}`, `\p{OldItalic}`, `\p{Linear_A}`, `\p{Tai Le}`,
		`\p{Grek}`, `\p{Hani}`, `\p{Script=Greek}`, `\p{sc=Greek}`, `\p{gc=L}`,
		`\p{General_Category=L}`, `\p{Alphabetic}`, `\p{Uppercase}`, `\p{White_Space}`, `\p{Emoji}`,
		`\p{age:6.0}`, `\p{Any}`, `\P{Any}`, `^\p{any}$`, `^\p{ASCII}$`, `^\P{ASCII}$`,
		`^\p{Assigned}$`, `^\P{Assigned}$`, `^\p{LC}$`, `^\p{Letter}$`, `^\p{lower case_letter}$`,
		`^\p{Lowercase_Letter}$`, `^\p{Uppercase-Letter}$`, `^\p{digit}$`, `^\p{punct}$`,
		`^\p{cntrl}$`, `^\p{Mark}$`, `^\p{Combining_Mark}$`, `^\p{Other}$`, `^\p{Surrogate}$`,
		`\p{isGreek}`, `\p{IsL}`, `\p{}`, `\p{^}`, `\p`, `\P`, `\p{L`, `\p{Nothing}`, `\pX`, `\pé`,
		`\p^L`, `\p{ L }`, `\pl`, `\p{l&}`, `\p{L&}`, `[\pL]`, `[^\pL]`, `^[\pL\d]$`, `^[\PL]$`,
		`^[^\PL]$`, `[\p{Greek}a]`, `[\p{Nothing}]`, `[\p]`, `[\p{L]`, `(?i)^\p{Lu}$`,
		`(?i)^\p{Ll}$`, `(?i)^\P{Lu}$`, `(?i)^[^\p{Lu}]$`, `(?i)^\p{Greek}$`, `(?i)^\p{Lt}$`,
		`(?i)^\p{ASCII}$`, `(?i)^\P{ASCII}$`, `(?i)^\p{Any}$`,
	},
	// Case, flags and groups.
	[]string{
		`(?i)k`, `(?i)K`, `(?i)s`, `(?i)S`, `(?i)σ`, `(?i)ς`, `(?i)ß`, `(?i)ẞ`, `(?i)é`, `(?i)i`,
		`(?i)I`, "(?i)\u0130", "(?i)\u0131", "(?i)\u212a", "(?i)\u017f", `(?i)^[k]$`, `(?i)^[^k]$`,
		`(?i)^[a-z]$`, `(?i)^[^a-z]$`, `(?i)^[A-Z]$`, `(?i)^[j-l]$`, `(?i)ab`, `(?i:a)b`, `a(?i)b`,
		`(a(?i)b)a`, `(a(?i)b|a)B`, `(?i)a(?-i)b`, `(?i-i)A`, `(?i)(?-i:a)B`, `(?-i)a`, `(?i:(?-i:A)b)`,
		`(?s).`, `^.$`, `(?s)^.$`, `^.*$`, `(?s)^.*$`, `(?s:.)a`, `(?-s).`, `(?s)(?-s:.)`, `a.b`,
		`(?s)a.b`, `(?m)^a`, `(?m)a$`, `^a`, `a$`, `^a$`, `(?m)^a$`, `(?m)^b`, `(?m)^$`, `^$`, `(?m)$`,
		`(?m:^)b`, `(?m)\Ab`, `(?m)a\z`, `(?-m)^a$`, `a$b`, `a^b`, `$a`, `a^`, `$^`, `^^a`, `a$$`,
		`(?U)a+`, `(?U)a+?`, `(?U)^a*$`, `(?Ui)A`, `(?imsU)a`, `(?i-msU)a`, `(?U-i:a)`, `(?i)`, `(?)`,
		`(?:)`, `(?-)`, `(?-:a)`, `(?i-)`, `(?i--s)`, `(?--i)`, `(?i`, `(?`, `(?i:`, `(?x)a b`,
		`(?u)a`, `(?a)a`, `(?L)a`, `(?R)a`, `(?n)a`, `(?i-u)a`, `(?-u)a`, `(?i:a`, `(?i)a)`,
		`(?=a)`, `(?!a)`, `(?<=a)b`, `(?<!a)b`, `(?>a)`, `(?|a)`, `(?#a)`, `(?P=n)`, `(?P>n)`,
		`(?&n)`, `(?1)`, `(?(1)a)`, `(?'n'a)`,
		`(?P<n>a)`, `(?<n>a)`, `(?P<n1_>a)`, `(?P<>a)`, `(?<>a)`, `(?P<n a>b)`, `(?P<é>a)`, `(?P<n`,
		`(?P<n>`, `(?P<n>a`, `(?P<`, `(?P`, `(?<`, `(?<n`, `(?P<1>a)`, `(?P<n>a)(?P<n>b)`, `(?P<n.m>a)`,
		`(?P<n[0]>a)`, `(?p<n>a)`,
		`(a)`, `((a))`, `()`, `(())`, `(a`, `a)`, `)`, `(`, `((a)`, `(a))`, `(a|b)`, `a|b`, `|`, `a|`,
		`|a`, `a||b`, `(|)`, `(a|)`, `^(a|)$`, `^a|b$`, `^(a|b)$`, `(^a|b$)`, `(?:a|b)c`, `(?:a)(?:b)`,
		`(a)(b)`, `#`, `a b`, `a #b`, `(?i)(?s)(?m)^A.b$`, `é`, `^é$`, `中`, `🔑`, `^.$|^..$`,
	},
	// What policies look like.
	[]string{
		`.*`, `^.*$`, `*`, `^tenants/acme/.*$`, `^tenants/acme$`, `tenants/acme`, `tenants/.*/db`,
		`^tenants/[a-z]+/db$`, `^tenants/(acme|other)/.*$`, `^tenants/\w+/\w+$`, `tenants/acme/*`,
		`^spiffe://spike\.ist/workload/.*$`, `spiffe://spike.ist/workload/.*`,
		`^spiffe://spike\.ist/workload/app-\d+$`, `^spiffe://spike.ist/workload/[^/]+$`,
		`^spiffe://spike.ist/.*$`, `spiffe://`, `^spiffe://spike\.ist/workload/a$`,
		`^spike/system/acl$`, `spike/system/acl`, `^spike/system/.*$`, `spike/.*`, `^(spike/system/secret|x)$`,
		`^spike/system/(acl|secret)$`, `^(?:.*)$`, `^(?:spike/system/acl|x)$`, `^(?:a|b)$`, `^(?:^a$)$`,
		`(?i)^TENANTS/ACME$`, `(?i)SPIFFE://SPIKE\.IST`, `^\Qtenants/acme\E$`, `^tenants/a\{b\}$`,
	},
)
