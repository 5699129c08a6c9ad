"""Blender materials of an avatar, one Principled BSDF each. Runs inside Blender."""

from __future__ import annotations

from typing import Any

from .avatar.avatar import Material
from .avatar.parts import PART_INDEX
from .lighting import LightRig

COLOUR_LAYER = "colour"
SKIN_KINDS = ("skin", "lips")
SUBSURFACE_RADIUS_METRES = (0.010, 0.004, 0.002)
BUMP_SCALE = {"skin": 900.0, "lips": 700.0, "cloth": 650.0, "hair": 400.0}


def build_material(material: Material, rig: LightRig) -> Any:
    """A bpy material: base colour from the vertex colours or the material's own, pass index = part.

    Subsurface and bump are built where the light rig asks for them.
    """
    import bpy

    made = bpy.data.materials.new(material.name)
    made.pass_index = PART_INDEX[material.part]
    made.use_nodes = True
    tree = made.node_tree
    shader = next(node for node in tree.nodes if node.type == "BSDF_PRINCIPLED")
    shader.inputs["Base Color"].default_value = (*material.colour, 1.0)
    shader.inputs["Roughness"].default_value = material.roughness
    shader.inputs["Specular IOR Level"].default_value = material.specular
    if material.vertex_colour:
        layer = tree.nodes.new("ShaderNodeAttribute")
        layer.attribute_name = COLOUR_LAYER
        tree.links.new(layer.outputs["Color"], shader.inputs["Base Color"])
    if material.alpha < 1.0:
        _let_through(tree, shader, material.alpha)
    if rig.subsurface and material.subsurface > 0:
        shader.inputs["Subsurface Weight"].default_value = material.subsurface
        shader.inputs["Subsurface Radius"].default_value = SUBSURFACE_RADIUS_METRES
        shader.inputs["Subsurface Scale"].default_value = 1.0
    if rig.fine and material.bump > 0:
        _bump(tree, shader, material)
    return made


def _let_through(tree: Any, shader: Any, alpha: float) -> None:
    """Lenses and corneas: a thin clear sheet whose reflections stay at full strength.

    The data passes look through whatever is under half opaque.
    """
    surface = next(node for node in tree.nodes if node.type == "OUTPUT_MATERIAL").inputs["Surface"]
    clear = tree.nodes.new("ShaderNodeBsdfTransparent")
    mix = tree.nodes.new("ShaderNodeMixShader")
    mix.inputs["Fac"].default_value = alpha
    tree.links.new(clear.outputs["BSDF"], mix.inputs[1])
    tree.links.new(shader.outputs["BSDF"], mix.inputs[2])
    tree.links.new(mix.outputs["Shader"], surface)


def _bump(tree: Any, shader: Any, material: Material) -> None:
    noise = tree.nodes.new("ShaderNodeTexNoise")
    noise.inputs["Scale"].default_value = BUMP_SCALE.get(material.kind, 500.0)
    noise.inputs["Detail"].default_value = 1.0
    place = tree.nodes.new("ShaderNodeTexCoord")
    bump = tree.nodes.new("ShaderNodeBump")
    bump.inputs["Distance"].default_value = material.bump
    tree.links.new(place.outputs["Generated"], noise.inputs["Vector"])
    tree.links.new(noise.outputs["Fac"], bump.inputs["Height"])
    tree.links.new(bump.outputs["Normal"], shader.inputs["Normal"])
