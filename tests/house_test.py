"""The checks of ./test's format step, on files that deserve them and on files that do not."""

import os
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

# pylint: disable=wrong-import-position
import arrows
import columns


class Tree(unittest.TestCase):
    def setUp(self):
        self.directory = tempfile.TemporaryDirectory()
        self.addCleanup(self.directory.cleanup)
        self.root = self.directory.name

    def write(self, name, text):
        path = os.path.join(self.root, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        return path


class Columns(Tree):
    def lines_named(self, name, text):
        return [number for number, _ in columns.faults(self.write(name, text))]

    def test_names_a_line_of_more_than_100_columns(self):
        for name in ("a.cc", "a.py", "meson.build", "page.md"):
            with self.subTest(name):
                self.assertEqual(self.lines_named(name, "x " * 50 + "y\n"), [1])
                self.assertEqual(self.lines_named(name, "x " * 49 + "yz\n"), [])

    def test_lets_stand_what_cannot_be_wrapped(self):
        for text in ("| a | " + "b " * 50 + "|\n", "```\n" + "b " * 60 + "\n```\n",
                     "* https://example.org/" + "b" * 100 + "\n"):
            with self.subTest(text):
                self.assertEqual(self.lines_named("page.md", text), [])

    def test_names_the_line_of_a_sentence_that_breaks_early(self):
        self.assertEqual(self.lines_named("a.h", "/// It breaks\n/// early.\n"), [1])
        self.assertEqual(self.lines_named("a.py", "# It breaks\n# early.\n"), [1])
        self.assertEqual(self.lines_named("page.md", "* It breaks\n  early.\n"), [1])

    def test_lets_stand_what_breaks_for_a_reason(self):
        for name, text in {
                "end_of_sentence.h": "// One sentence.\n// Another.\n",
                "drawing.h": "// in ──► out\n// |    |\n",
                "list.md": "Two things\n* one\n* two\n",
                "paragraphs.md": "One\n\nTwo\n",
                "long_word.h": f"// It breaks\n// {'x' * 90}\n",
                "other_mark.h": "// It is\n/// another comment.\n"}.items():
            with self.subTest(name):
                self.assertEqual(self.lines_named(name, text), [])


class Arrows(Tree):
    def faults(self, **files):
        for name, included in files.items():
            self.write(name.replace("__", "/").replace("_h", ".h").replace("_cc", ".cc"),
                       f'#pragma once\n#include "{included}"\n')
        return list(arrows.faults(self.root))

    def test_lets_stand_what_points_down(self):
        self.assertEqual(self.faults(control__turn__server_h="dataplane/commands.h",
                                     dataplane__shard__shard_cc="dataplane/ip/headers.h"), [])

    def test_names_what_points_up(self):
        for path, included in {"dataplane/engine/a.h": "control/turn/server.h",
                               "dataplane/ip/a.h": "dataplane/shard/packet.h",
                               "control/turn/a.cc": "control/config/config.h",
                               "control/stun/a.h": "dataplane/ip/headers.h"}.items():
            with self.subTest(path):
                where = self.write(path, f'#pragma once\n#include "{included}"\n')
                found = list(arrows.faults(self.root))
                self.assertEqual(len(found), 1, found)
                self.assertIn(f"{path}:2: {included} is not below", found[0])
                os.remove(where)

    def test_names_a_folder_that_nobody_placed(self):
        found = self.faults(control__new__a_h="dataplane/commands.h")
        self.assertEqual(len(found), 1, found)
        self.assertIn("control/new/ has no line", found[0])

    def test_names_a_circle_of_modules_once(self):
        found = self.faults(dataplane__shard__a_h="dataplane/shard/b.h",
                            dataplane__shard__b_cc="dataplane/shard/a.h")
        self.assertEqual(found, ["a circle of includes: dataplane/shard/a -> dataplane/shard/b -> "
                                 "dataplane/shard/a"])


if __name__ == "__main__":
    unittest.main()
