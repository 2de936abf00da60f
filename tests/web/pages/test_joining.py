"""Modules joined into one file: in the order of their imports, and nothing that would change their meaning."""

from __future__ import annotations

import pytest

from speaker_search.web.pages.joining import imported, joined_modules

MODULES = {
    "page/page.js": 'import {one as first} from "../shared/one.js";\nimport {two} from "./two.js";\nfirst(two);\n',
    "page/two.js": 'import {one} from "../shared/one.js";\nexport const two = one;\nexport {one};\n',
    "shared/one.js": "export async function one() {\n  return import.meta.url;\n}\n",
}


def test_a_module_comes_after_those_that_it_imports_and_once() -> None:
    assert imported(MODULES, ["shared/one.js", "page/page.js"]) == ["shared/one.js", "page/two.js", "page/page.js"]


def test_modules_become_functions_that_return_what_they_export() -> None:
    one, two, page = joined_modules(MODULES, ["page/page.js"]).split("})();\n")[:3]
    assert 'return new URL("../shared/one.js", import.meta.url);' in one
    assert "\nasync function one()" in one
    assert one.endswith("return {one};\n")
    assert two.endswith("return {two, one};\n")
    assert "const {one: first} = $module0;\nconst {two} = $module1;\n" in page


def test_modules_that_import_each_other_are_refused() -> None:
    circle = {"a/a.js": 'import {b} from "./b.js";\n', "a/b.js": 'import {a} from "./a.js";\n'}
    with pytest.raises(ValueError, match=r"a/b\.js and a/a\.js import each other"):
        imported(circle, ["a/a.js"])


@pytest.mark.parametrize("text", ["export default 1;\n", "export let a = 1;\n", 'import * as b from "./b.js";\n'])
def test_what_would_mean_something_else_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"a/a\.js imports or exports in a way that cannot be joined"):
        joined_modules({"a/a.js": text}, ["a/a.js"])
