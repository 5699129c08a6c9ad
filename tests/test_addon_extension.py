"""The built extension in Blender's own repository: installed, enabled, disabled and removed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from diffsign.blender_addon import build


def test_the_extension_comes_and_goes_without_a_trace(
    in_blender: Callable[[str], Any], tmp_path: Path
) -> None:
    build.build(tmp_path / "diffsign.zip")
    found = in_blender(
        """
import addon_utils
blender_addon.unregister()
for name in [name for name in sys.modules if name.split(".")[0] == "diffsign"]:
    del sys.modules[name]

def traces():
    '''What an add-on may leave in Blender.'''
    lists = {n: getattr(bpy.app.handlers, n) for n in dir(bpy.app.handlers)}
    return {
        "types": sorted(n for n in dir(bpy.types) if n.startswith("DIFFSIGN")),
        "operators": dir(bpy.ops.diffsign),
        "handlers": [n for n, l in lists.items() if isinstance(l, list)
                     for h in l if "diffsign" in str(getattr(h, "__module__", ""))],
        "scene": hasattr(bpy.types.Scene, "diffsign"),
        "menus": len(getattr(bpy.types.VIEW3D_MT_object.draw, "_draw_funcs", ())),
    }

import importlib.machinery

class OnlyTheWheel:
    '''Hides the checkout that the tests run from: in Blender there is the wheel alone.'''
    @staticmethod
    def find_spec(name, path=None, target=None):
        if name != "diffsign":
            return None
        places = [p for p in sys.path if ".local" in p and "user" in p]
        return importlib.machinery.PathFinder.find_spec(name, places)

sys.meta_path.insert(0, OnlyTheWheel)
module = "bl_ext.user_default.diffsign"
said = {"before": traces()}
bpy.ops.extensions.package_install_files(
    repo="user_default", filepath=str(folder / "diffsign.zip"), enable_on_install=True)
said["enabled"] = addon_utils.check(module)
said["during"] = traces()
import diffsign
said["file"] = diffsign.__file__
said["heavy"] = sorted({n.split(".")[0] for n in sys.modules} & {"torch", "scipy", "anny", "cv2"})
bpy.ops.wm.read_factory_settings(use_empty=True)
bpy.ops.preferences.addon_enable(module=module)
own = bpy.context.scene.diffsign
rig = armature("rig")
own.motion, own.armature = motion, rig
said["retarget"] = list(bpy.ops.diffsign.retarget())
said["heavy after"] = sorted({n.split(".")[0] for n in sys.modules} & {"torch", "anny"})
bpy.ops.preferences.addon_disable(module=module)
said["after"] = traces()
said["modules"] = sorted(n for n in sys.modules if n.split(".")[0] == "diffsign")
bpy.ops.preferences.addon_enable(module=module)
said["again"] = traces()["scene"]
bpy.ops.extensions.package_uninstall(repo_index=[r.module for r in
    bpy.context.preferences.extensions.repos].index("user_default"), pkg_id="diffsign")
said["removed"] = traces()
done(said)
"""
    )
    assert found["enabled"] == [True, True]
    assert "DIFFSIGN_PT_main" in found["during"]["types"]
    assert found["file"].startswith(str(tmp_path / "user"))
    assert found["heavy"] == [] and found["heavy after"] == []
    assert found["retarget"] == ["FINISHED"]
    assert found["after"] == found["before"] == found["removed"]
    assert found["modules"] == [] and found["again"]
