<?php
// Arrays, objects, strings, json, regular expressions, sorting; the engine's own pools and plain malloc (USE_ZEND_ALLOC=0).
mt_srand(42);
function word(): string { $w = ''; for ($i = mt_rand(2, 12); $i > 0; $i--) $w .= chr(97 + mt_rand(0, 19)); return $w; }
class Node { public $next = null; public function __construct(public string $name, public array $data) {} }

for ($turn = 0; $turn < (int)$argv[1]; $turn++) {
    $index = []; $head = null;
    for ($i = 0; $i < 60000; $i++) {
        $w = word();
        $index[$w][] = $i;
        $node = new Node($w, [$i, $w, strrev($w)]); $node->next = $head; $head = $node;
        if ($i % 1000 == 0) $head = null;
    }
    ksort($index);
    $json = json_encode($index);
    $back = json_decode($json, true);
    preg_match_all('/"([aeiou][^"]*)"/', $json, $found);
    $big = str_repeat($json, 3);
    printf("%d %d %s %d %s\n", $turn, count($back), md5($big), count($found[1]), sha1(serialize($back)));
}
