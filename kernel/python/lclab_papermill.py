"""papermill parameters for TypeScript: `papermill in.ipynb out.ipynb -p rate 0.1` adds a cell `let rate = 0.1;`."""

import json
import math
import re

from papermill.engines import NBClientEngine
from papermill.models import Parameter
from papermill.translators import Translator, papermill_translators

_IDENTIFIER = re.compile(r"[A-Za-z_$][\w$]*")
_SAFE_INTEGER = 2**53 - 1
_DECLARATION = re.compile(
    r"^(?:export\s+)?(?:const|let|var)\s+(?P<name>[A-Za-z_$][\w$]*)\s*"
    r"(?::\s*(?P<type>[^=]+?)\s*)?=\s*(?P<value>.+?)\s*;?\s*(?://\s*(?P<help>.*))?$"
)


def _key(name):
    # A plain "__proto__" would set the prototype.
    return '["__proto__"]' if name == "__proto__" else json.dumps(str(name))


class TypeScriptTranslator(Translator):
    """Values of JSON and YAML as TypeScript."""

    @classmethod
    def translate_escaped_str(cls, str_val):
        return json.dumps(str(str_val))

    @classmethod
    def translate_none(cls, val):
        return "null"

    @classmethod
    def translate_int(cls, val):
        if abs(val) > _SAFE_INTEGER:
            raise ValueError(
                f"papermill parameter: a whole number must be from -{_SAFE_INTEGER} to {_SAFE_INTEGER}, "
                f"got {val}. Give it as a string and write BigInt(…) in the notebook."
            )
        return str(val)

    @classmethod
    def translate_float(cls, val):
        if math.isnan(val):
            return "NaN"
        if math.isinf(val):
            return "Infinity" if val > 0 else "-Infinity"
        return repr(val)

    @classmethod
    def translate_dict(cls, val):
        entries = ", ".join(f"{_key(name)}: {cls.translate(each)}" for name, each in val.items())
        return f"{{ {entries} }}" if entries else "{}"

    @classmethod
    def translate_list(cls, val):
        return f"[{', '.join(cls.translate(each) for each in val)}]"

    @classmethod
    def comment(cls, cmt_str):
        return f"// {cmt_str}".strip()

    @classmethod
    def assign(cls, name, str_val):
        if not _IDENTIFIER.fullmatch(name):
            raise ValueError(
                f"papermill parameter: a name must be letters, digits, _ and $, and not begin with a digit, got {name!r}."
            )
        return f"let {name} = {str_val};"

    @classmethod
    def inspect(cls, parameters_cell):
        """Declarations of one line each, with a comment behind as help."""
        found = (_DECLARATION.match(line) for line in parameters_cell["source"].splitlines())
        return [
            Parameter(
                name=match["name"],
                inferred_type_name=match["type"] or "None",
                default=match["value"],
                help=match["help"] or "",
            )
            for match in found
            if match
        ]


papermill_translators.register("typescript", TypeScriptTranslator)


class LclabEngine(NBClientEngine):
    """papermill's own engine; that papermill looks for it is what registers the translator."""
